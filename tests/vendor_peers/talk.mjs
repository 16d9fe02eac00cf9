// WeCom's own long-connection client as a small bot: node talk.mjs URL BOT_ID, the secret on the first line of stdin; ends with stdin.
import { createInterface } from 'node:readline';
import sdk from '@wecom/aibot-node-sdk';

const [url, botId] = process.argv.slice(2);
const buttons = { card_type: 'button_interaction', main_title: { title: '选一个' }, button_list: [{ text: '好', key: 'ok' }], task_id: 'task-1' };
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const fail = (error) => { process.stderr.write(`${error?.stack ?? JSON.stringify(error)}\n`); process.exit(1); };

function play(client) {
  const answers = {
    故事: async (frame) => {
      await client.replyStream(frame, 'story', '从前', false);
      await client.replyStream(frame, 'story', '从前有座山', true);
    },
    菜单: (frame) => client.replyTemplateCard(frame, buttons),
    推送: (frame) => client.sendMessage(frame.body.from.userid, { msgtype: 'markdown', markdown: { content: '**早**' } }),
    文件: async (frame) => {
      const { media_id } = await client.uploadMedia(Buffer.from('hello\n'), { type: 'file', filename: 'a.txt' });
      await client.replyMedia(frame, 'file', media_id);
    },
    大文件: async (frame) => {
      const { media_id } = await client.uploadMedia(Buffer.alloc(1_300_000, 7), { type: 'file', filename: 'big.bin' });
      await client.sendMediaMessage(frame.body.from.userid, 'file', media_id);
    },
  };
  client.on('message.text', (frame) => answers[frame.body.text.content.replace('@小助手 ', '')](frame).catch(fail));
  client.on('event.enter_chat', (frame) => client.replyWelcome(frame, { msgtype: 'text', text: { content: '你好' } }).catch(fail));
  client.on('event.template_card_event', (frame) =>
    client.updateTemplateCard(frame, { ...buttons, main_title: { title: '谢谢' } }, [frame.body.from.userid]).catch(fail));
  client.on('message.image', async (frame) => {
    const { url: from, aeskey } = frame.body.image;
    const { buffer } = await client.downloadFile(from, aeskey);
    await client.replyStream(frame, 'image', buffer.toString('base64'), true);
  });
  client.on('error', fail);
}

const lines = createInterface({ input: process.stdin });
lines.once('line', (secret) => {
  const client = new sdk.WSClient({ botId, secret, wsUrl: url, heartbeatInterval: 200, logger: silent });
  play(client);
  client.connect();
  lines.once('close', () => { client.disconnect(); process.exit(0); });
});

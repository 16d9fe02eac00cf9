// Does what it is asked with WeCom's own crypto: a JSON list of tasks on stdin, the list of their results on stdout.
import crypto from '@wecom/crypto';
import sdk from '@wecom/aibot-node-sdk';

const tasks = {
  // @wecom/crypto: stands for WeCom's server
  sign: ({ token, timestamp, nonce, encrypt }) => crypto.getSignature(token, timestamp, nonce, encrypt),
  seal: ({ key, text, receiver }) => crypto.encrypt(key, text, receiver),
  open: ({ key, encrypt }) => { const { message, id } = crypto.decrypt(key, encrypt); return { message, id }; },
  // the aibot SDK's own crypto
  sdkSeal: ({ token, key, receiver, text, timestamp, nonce }) => new sdk.WecomCrypto(token, key, receiver).encrypt(text, timestamp, nonce),
  sdkOpen: ({ token, key, receiver, encrypt, signature, timestamp, nonce }) => {
    const peer = new sdk.WecomCrypto(token, key, receiver);
    return { message: peer.decrypt(encrypt), signed: peer.verifySignature(signature, timestamp, nonce, encrypt) };
  },
  // media: base64 in, base64 out
  media: ({ data, key }) => sdk.decryptFile(Buffer.from(data, 'base64'), key).toString('base64'),
};

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const results = JSON.parse(Buffer.concat(chunks).toString()).map(({ task, ...fields }) => tasks[task](fields));
process.stdout.write(JSON.stringify(results));

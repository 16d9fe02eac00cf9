"""config.yaml: every problem at once and none that shows a secret; the shipped file and the docs say what the models say."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped,unused-ignore]
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from bot import config as module
from bot.config import CHANNEL_MODELS, AppChannel, CommunityConfig, Config, Section, load, webhook_key
from bot.errors import ConfigError
from tools import config_docs

ROOT = Path(__file__).resolve().parent.parent
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
SECRETS = {"T1": "tok3n", "K1": AES_KEY, "S1": "s3cret-value", "W1": "0f1e2d3c-4b5a", "W2": "11111111-2222"}

APP = 'channels: [{name: desk, kind: app, token: "${T1}", aes_key: "${K1}", agent_id: 1000002, secret: "${S1}"}]\nwecom: {corp_id: ww1}\n'

MODELS: tuple[type[Section], ...] = (Config, CommunityConfig, *module._sections().values(), *CHANNEL_MODELS.values())
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Puts a text into config.yaml and gives its path."""

    def put(text: str) -> Path:
        path = tmp_path / "config.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return put


def problems_of(path: Path, env: Mapping[str, str] = SECRETS) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(path, env)
    return caught.value.problems


# What a good file gives ------------------------------------------------------------------------------------------------


def test_an_empty_file_gives_the_defaults(write: Write) -> None:
    config = load(write(""), {})

    assert config.model_dump() == Config().model_dump()
    assert config.server.port == 8080
    assert config.server.engine == "gthread"
    assert config.redis.is_embedded
    assert config.moderation.dry_run
    assert config.channels == ()


def test_a_section_whose_lines_are_all_commented_out_has_its_defaults(write: Write) -> None:
    config = load(write("channels:\nserver:\nbot_name:\nredis: {url: }\n"), {})

    assert config.model_dump() == Config().model_dump()


def test_a_variable_in_a_secret_comes_from_the_environment(write: Write) -> None:
    desk = load(write(APP), SECRETS).channel("desk")

    assert isinstance(desk, AppChannel)
    assert desk.secret.get_secret_value() == "s3cret-value"
    assert desk.aes_key.get_secret_value() == AES_KEY
    assert desk.agent_id == 1000002


def test_a_value_from_the_environment_is_not_expanded_again(write: Write) -> None:
    desk = load(write(APP), SECRETS | {"T1": "a${S1}"}).channel("desk")

    assert isinstance(desk, AppChannel)
    assert desk.token.get_secret_value() == "a${S1}"


def test_every_kind_of_channel_loads_with_its_own_keys(write: Write) -> None:
    text = """
wecom: {corp_id: ww1}
channels:
  - {name: assistant, kind: aibot, token: "${T1}", aes_key: "${K1}"}
  - {name: desk, kind: app, token: "${T1}", aes_key: "${K1}", agent_id: 1000002, secret: "${S1}"}
  - {name: robot, kind: robot, token: "${T1}", aes_key: "${K1}"}
  - {name: customers, kind: contact, token: "${T1}", aes_key: "${K1}", secret: "${S1}"}
  - {name: live, kind: aibot_ws, bot_id: "${T1}", secret: "${S1}"}
"""
    config = load(write(text), SECRETS)

    assert [channel.kind for channel in config.channels] == ["aibot", "app", "robot", "contact", "aibot_ws"]
    assert config.channel("live") is config.channels[4]
    assert config.channel("nobody") is None


def test_folders_are_relative_to_the_file(write: Write, tmp_path: Path) -> None:
    config = load(write("data_dir: store\ncontent: /srv/content\n"), {})

    assert config.data_path == tmp_path / "store"
    assert config.content_path == Path("/srv/content")


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes("\ufeffbot_name: 管家\n".encode())

    assert load(path, {}).bot_name == "管家"


@pytest.mark.parametrize("before", ["", "redis: {url: embedded}", "redis:", 'redis: {url: "${NOT_SET}"}', "redis: {url: 'redis://:pw@h'}"])
def test_the_environment_may_name_another_redis(write: Write, before: str) -> None:
    config = load(write(before), {"BOT_REDIS_URL": "unix:///tmp/${x}/redis.sock"})

    assert config.redis.url.get_secret_value() == "unix:///tmp/${x}/redis.sock"
    assert config.literal_secrets == ()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Config().__setattr__("bot_name", "x")


# Secrets ---------------------------------------------------------------------------------------------------------------

FULL = (
    APP
    + """
redis: {url: "redis://:r3dis-password@h:6379/0"}
metrics: {token: m3trics-token}
communities:
  - {id: main, groups: [wrA, wrB], webhook: "${W1}", webhooks: {wrB: w3bhook-key}, admin_webhook: "https://q/send?key=adm1n-key"}
"""
)


def test_nothing_secret_shows_in_the_text_of_the_settings(write: Write) -> None:
    config = load(write(FULL), SECRETS)

    shown = f"{config!r} {config} {config.channels} {config.communities[0]!r} {config.redis} {config.model_dump_json()}"
    for secret in (*SECRETS.values(), "r3dis-password", "w3bhook-key", "adm1n-key", "m3trics-token"):
        assert secret not in shown


def test_pydantics_own_findings_show_no_value_either() -> None:
    with pytest.raises(ValidationError) as caught:
        CommunityConfig.model_validate({"id": "m", "webhook": "not a w3bhook"})

    assert "w3bhook" not in str(caught.value)


def test_secrets_written_out_are_listed_by_place_only(write: Write) -> None:
    config = load(write(FULL), SECRETS)

    assert set(config.literal_secrets) == {
        "redis.url",
        "metrics.token",
        "communities[0].webhooks.wrB",
        "communities[0].admin_webhook",
    }


def test_a_secret_partly_from_the_environment_is_not_listed(write: Write) -> None:
    config = load(write('communities: [{id: m, webhook: "https://q/send?key=${W1}", admin_webhook: ""}]'), SECRETS)

    assert config.literal_secrets == ()
    assert config.webhook_for("m") == SecretStr(SECRETS["W1"])


def test_a_collector_whose_address_holds_a_token_is_a_secret(write: Write) -> None:
    address = "http://tracing.example.com/adapt_abc@def/api/otlp/traces"
    config = load(write("tracing:\n  endpoint: '${COLLECTOR}'\n"), {"COLLECTOR": address})
    assert config.tracing.endpoint.get_secret_value() == address
    assert (config.literal_secrets, "adapt_abc" in repr(config)) == ((), False)
    assert load(write(f"tracing:\n  endpoint: {address}\n"), {}).literal_secrets == ("tracing.endpoint",)
    assert load(write("tracing:\n  endpoint: http://127.0.0.1:4318/v1/traces\n"), {}).literal_secrets == ()


def test_every_secret_of_the_models_is_known_to_the_expansion() -> None:
    models = MODELS
    secrets = {name for model in models for name, known in model.model_fields.items() if "SecretStr" in str(known.annotation)}

    assert secrets - {"url", "endpoint"} == module._SECRETS
    assert secrets <= module._EXPANDED


# Look-ups --------------------------------------------------------------------------------------------------------------

TWO = """
channels:
  - {name: a, kind: aibot, token: "${T1}", aes_key: "${K1}", bot_name: 客服}
  - {name: b, kind: aibot, token: "${T1}", aes_key: "${K1}"}
communities:
  - {id: main, groups: [wrA, wrB, wrC], webhook: "${W1}", webhooks: {wrB: "${W2}"}, admin_group: wrADMIN}
  - {id: other, groups: [wrX, wrY], webhooks: {wrX: "${W2}"}}
"""


@pytest.mark.parametrize(
    ("chat", "community"),
    [("wrA", "main"), ("wrB", "main"), ("wrADMIN", "main"), ("wrX", "other"), ("wrUNLISTED", None), ("", None)],
)
def test_a_group_finds_its_community(write: Write, chat: str, community: str | None) -> None:
    found = load(write(TWO), SECRETS).community_of_group(chat)

    assert (found.id if found else None) == community


@pytest.mark.parametrize(
    ("community", "chat", "key"),
    [
        ("main", "", "W1"),  # nobody named: the first group
        ("main", "wrA", "W1"),
        ("main", "wrB", "W2"),  # a webhook of its own
        ("main", "wrC", None),  # a webhook posts into one group only
        ("main", "wrADMIN", None),
        ("other", "", "W2"),
        ("other", "wrX", "W2"),
        ("other", "wrY", None),
        ("unknown", "", None),
    ],
)
def test_a_push_finds_its_webhook(write: Write, community: str, chat: str, key: str | None) -> None:
    found = load(write(TWO), SECRETS).webhook_for(community, chat)

    assert found == (SecretStr(SECRETS[key]) if key else None)


@pytest.mark.parametrize(("channel", "names"), [("a", ("客服", "小助手")), ("b", ("小助手",)), ("unknown", ("小助手",))])
def test_a_channel_knows_the_names_to_strip(write: Write, channel: str, names: tuple[str, ...]) -> None:
    assert load(write(TWO), SECRETS).mention_names(channel) == names


@pytest.mark.parametrize(
    "value",
    [
        "0f1e-2d3c",
        "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=0f1e-2d3c",
        "http://127.0.0.1:8081/x?debug=1&key=0f1e-2d3c",
        " 0f1e-2d3c\n",
    ],
)
def test_a_webhook_is_given_as_address_or_as_key(value: str) -> None:
    assert webhook_key(value) == webhook_key(SecretStr(value)) == "0f1e-2d3c"


@pytest.mark.parametrize(
    "value", ["", "https://h/send", "https://h/send?key=", "https://h/?key=a&key=b", "ftp://h/?key=abc", "http://[/?key=a", "a b", "钥"]
)
def test_what_is_no_webhook_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(ValueError, match=r"^not the address or key of a group webhook$"):
        webhook_key(value)


@given(st.from_regex(r"[A-Za-z0-9_-]{1,128}", fullmatch=True))
def test_the_key_of_a_key_is_itself(key: str) -> None:
    assert webhook_key(webhook_key(f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={key}")) == key


# Problems --------------------------------------------------------------------------------------------------------------

CHANNEL = 'channels: [{{name: desk, kind: aibot, token: "${{T1}}", aes_key: "${{K1}}", {more}}}]'
TWINS = 'channels: [{name: x, kind: aibot, token: "${T1}", aes_key: "${K1}"}, {name: x, kind: robot, token: "${T1}", aes_key: "${K1}"}]'

PROBLEMS: list[tuple[str, str, str]] = [
    # the writing
    ("server: [1", "config.yaml", "没有成对"),
    ("bot_name: 'x", "config.yaml", "引号"),
    ("a: b: c", "config.yaml", "引号"),
    ("server:\n\tport: 1", "config.yaml", "Tab"),
    ("server:\n  port: 1\n host: x", "config.yaml", "缩进"),
    ("bot_name: @x", "config.yaml", "引号"),
    ("bot_name: *x", "config.yaml", "引号"),
    ("log: &a {level: info}\nmood: *a", "config.yaml", "别名"),
    ("--- {}\n--- {}", "config.yaml", "---"),
    ("a: \x07", "config.yaml", "控制字符"),
    ("[" * 3000, "config.yaml", "太深"),
    ("- 1", "config.yaml", "键: 值"),
    ("just text", "config.yaml", "键: 值"),
    ("{a: 1}: 2", "config.yaml", "引号"),
    ("bot_name: a\nbot_name: b", "bot_name", "写了两次"),
    ("server: {port: !!int x}", "server.port", "!!"),
    # keys
    ("admin: [boss]", "admin", "您是想写 admins 吗"),
    ("server: {prot: 1}", "server.prot", "您是想写 port 吗"),
    ("port: 1", "port", "它的位置是 server.port"),
    ("log: {zzz: 1}", "log.zzz", "keep_text、level"),
    (CHANNEL.format(more="secret: x1"), "channels[0].secret", "没有这个设置"),
    (CHANNEL.format(more="token:x1"), "channels[0].…", "token 后面要有半角冒号和一个空格"),
    # types
    ("server: 5", "server", "键: 值"),
    ("server: {port: '80'}", "server.port", "整数"),
    ("server: {port: 80.5}", "server.port", "整数"),
    ("server: {port: true}", "server.port", "整数"),
    ("server: {port: 0}", "server.port", "不能小于 1"),
    ("server: {port: 65536}", "server.port", "不能大于 65535"),
    ("server: {engine: uwsgi}", "server.engine", "gthread、granian"),
    ("log: {level: 3}", "log.level", "debug、info、warning、error"),
    ("log: {keep_text: 'no'}", "log.keep_text", "true 或 false"),
    ("admins: boss", "admins", "列表"),
    ("admins: [10001]", "admins[0]", "引号"),
    ("admins: ['']", "admins[0]", "编号"),
    ("channels: {name: x}", "channels", "列表"),
    ("channels: [x]", "channels[0]", "键: 值"),
    ('server: {engine: "\\ud800"}', "server.engine", "无效的字符"),
    ('bot_name: "\\ud800"', "bot_name", "名字"),
    ('data_dir: "\\ud800"', "data_dir", "文件夹"),
    # values
    ("bot_name: '@小助手'", "bot_name", "不带 @"),
    ("server: {host: 'http://x'}", "server.host", "监听地址"),
    ("server: {public_url: bot.example.com}", "server.public_url", "http"),
    ("server: {public_url: 'ftp://x'}", "server.public_url", "http"),
    ("server: {public_url: 'https://x:99999'}", "server.public_url", "http"),
    ("server: {public_url: 'https://u:p@x'}", "server.public_url", "http"),
    ("wecom: {api_base: ''}", "wecom.api_base", "http"),
    ("wecom: {corp_id: 'ww 1'}", "wecom.corp_id", "空白"),
    ("server: {trusted_proxies: [nginx]}", "server.trusted_proxies[0]", "网段"),
    ("data_dir: ''", "data_dir", "文件夹"),
    ("redis: {url: 'http://x'}", "redis.url", "redis+cluster://"),
    ("redis: {url: 'localhost:6379'}", "redis.url", "redis://"),
    ("redis: {url: 'redis://'}", "redis.url", "主机"),
    ("redis: {url: 'redis://h:port'}", "redis.url", "端口"),
    ("redis: {url: 'redis://[::1'}", "redis.url", "Redis 地址"),
    ("redis: {url: 'unix://'}", "redis.url", "路径"),
    ("redis: {url: 'redis+sentinel://a,b'}", "redis.url", "服务名"),
    ("communities: [{id: m, timezone: Asia/Shangai}]", "communities[0].timezone", "Asia/Shanghai"),
    ("communities: [{id: m, timezone: ''}]", "communities[0].timezone", "没有这个时区"),
    ("communities: [{id: m, timezone: Asia}]", "communities[0].timezone", "没有这个时区"),
    ("communities: [{id: m, timezone: ../../etc/passwd}]", "communities[0].timezone", "没有这个时区"),
    ("communities: [{id: 'a:b'}]", "communities[0].id", "英文字母"),
    ("communities: [{name: x}]", "communities[0].id", "缺少"),
    ("communities: [{id: m, webhook: 'https://h/send'}]", "communities[0].webhook", "Webhook"),
    ("communities: [{id: m, groups: [wrA], webhooks: {wrA: 5}}]", "communities[0].webhooks.wrA", "引号"),
    # channels
    ("channels: [{name: x}]", "channels[0].kind", "aibot、app、robot、contact、aibot_ws"),
    ("channels: [{name: x, kind: bot}]", "channels[0].kind", "aibot、app、robot、contact、aibot_ws"),
    (APP.replace("agent_id: 1000002, ", ""), "channels[0].agent_id", "AgentId"),
    (APP.replace("1000002", "-1"), "channels[0].agent_id", "大于 0"),
    (APP.replace("desk", "前台"), "channels[0].name", "英文字母"),
    (APP.replace("desk", "a/b"), "channels[0].name", "英文字母"),
    (APP.replace("${T1}", ""), "channels[0].token", "空"),
    (APP.replace("${T1}", "a b"), "channels[0].token", "空白"),
    (APP.replace("${K1}", "short"), "channels[0].aes_key", "43 个字符，现为 5 个"),
    (APP.replace("${K1}", "?" * 43), "channels[0].aes_key", "EncodingAESKey"),
    # the environment
    (APP.replace("S1", "NOT_SET"), "channels[0].secret", "没有环境变量 NOT_SET"),
    (APP.replace("S1", "EMPTY"), "channels[0].secret", "没有环境变量 EMPTY"),
    (APP.replace("${S1}", "${S-1}"), "channels[0].secret", "环境变量的写法不对"),
    (APP.replace("${S1}", "${S1"), "channels[0].secret", "环境变量的写法不对"),
    ("bot_name: '${S1}'", "bot_name", "不能引用环境变量"),
    # contradictions
    (APP.replace("ww1", "''"), "wecom.corp_id", "app"),
    (APP.replace("wecom: {corp_id: ww1}", ""), "wecom.corp_id", "app"),
    (TWINS, "channels[1].name", "与 channels[0].name 相同"),
    ("communities: [{id: m}, {id: m}]", "communities[1].id", "与 communities[0].id 相同"),
    ("communities: [{id: m, groups: [wrA]}, {id: n, groups: [wrB, wrA]}]", "communities[1].groups[1]", "communities[0].groups[0]"),
    ("communities: [{id: m, groups: [wrA, wrA]}]", "communities[0].groups[1]", "communities[0].groups[0]"),
    ("communities: [{id: m, groups: [wrA], admin_group: wrA}]", "communities[0].admin_group", "隐私"),
    ("communities: [{id: m, groups: [wrA], webhooks: {wrB: abc}}]", "communities[0].webhooks.wrB", "groups"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place", "word"), PROBLEMS)
def test_a_problem_says_where_it_is_and_what_helps(write: Write, text: str, place: str, word: str) -> None:
    (problem,) = problems_of(write(text), SECRETS | {"EMPTY": ""})

    where, _, said = problem.partition("：")
    assert where.split()[-1] == place
    assert word in said
    assert said.count("。") >= 2  # what is wrong, and the remedy


def test_all_problems_appear_at_once_in_the_order_of_the_file(write: Write) -> None:
    text = """\
admin: [boss]
server: {port: eighty, engine: uwsgi}
redis: {url: mysql://x}
channels:
  - name: desk
    kind: app
    token: "${NOT_SET}"
    aes_key: tooshort
  - {name: desk, kind: telegram}
communities:
  - {id: main, groups: [wrA], timezone: Mars}
  - {id: main, groups: [wrA]}
"""
    problems = problems_of(write(text))

    assert [problem.partition("：")[0] for problem in problems] == [
        "wecom.corp_id",
        "第 1 行 admin",
        "第 2 行 server.port",
        "第 2 行 server.engine",
        "第 3 行 redis.url",
        "第 5 行 channels[0].agent_id",
        "第 5 行 channels[0].secret",
        "第 7 行 channels[0].token",
        "第 8 行 channels[0].aes_key",
        "第 9 行 channels[1].name",
        "第 9 行 channels[1].kind",
        "第 11 行 communities[0].timezone",
        "第 12 行 communities[1].id",
        "第 12 行 communities[1].groups[0]",
    ]


def test_a_broken_line_is_named_by_its_number(write: Write) -> None:
    (problem,) = problems_of(write("bot_name: a\nserver: {port: 1\nlog: {}\n"))

    assert problem.startswith("第 3 行")


def test_a_file_that_is_not_there_or_not_text_is_explained(tmp_path: Path) -> None:
    (tmp_path / "gbk.yaml").write_bytes("bot_name: 小助手".encode("gbk"))

    assert "--config" in problems_of(tmp_path / "absent.yaml")[0]
    assert "权限" in problems_of(tmp_path)[0]
    assert "UTF-8" in problems_of(tmp_path / "gbk.yaml")[0]


# Nothing but ConfigError, and nothing secret in it ---------------------------------------------------------------------

HIDDEN = ("S3cr3tAlpha9", "https://h/send?key=S3cr3tBeta9", "redis://:S3cr3tGamma9@h:x", "S3cr3t Delta9", "7" + AES_KEY)
KEYS = sorted(module._known_keys())
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from([*HIDDEN, *CHANNEL_MODELS, "${T1}", "${K1}", "${NOT_SET}", "${", "wrA", "wrB", "main", "embedded"]),
)
NAMES = st.one_of(
    st.sampled_from(KEYS), st.text(max_size=6), st.sampled_from(["token:S3cr3tAlpha9", "S3cr3tAlpha9", "token=S3cr3t Delta9"])
)
TREES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12)


def shaped(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(names) | NAMES, TREES, max_size=6)


CHANNELS = st.lists(
    st.builds(
        lambda kind, rest: {**rest, "kind": kind},
        st.sampled_from(list(CHANNEL_MODELS)),
        shaped(["name", "token", "aes_key", "secret", "agent_id"]),
    ),
    max_size=3,
)
COMMUNITIES = st.lists(shaped(list(CommunityConfig.model_fields)), max_size=3)
DOCUMENTS = st.one_of(
    TREES,
    shaped(list(Config.model_fields)),
    st.builds(
        lambda rest, channels, communities: {**rest, "channels": channels, "communities": communities},
        shaped(list(Config.model_fields)),
        CHANNELS,
        COMMUNITIES,
    ),
)
REUSE = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
OPENED = {"T1": "S3cr3tTok3n9", "K1": "9" + AES_KEY}


def complaints(path: Path, text: str, env: Mapping[str, str]) -> tuple[str, ...]:
    """What is wrong with a text; empty when it loads. Any other exception passes through."""
    path.write_bytes(text.encode("utf-8"))
    try:
        load(path, env)
    except ConfigError as error:
        return error.problems or ("no reason given",)
    return ()


@REUSE
@given(document=DOCUMENTS)
def test_whatever_the_settings_are_the_file_loads_or_says_why_without_a_secret(tmp_path: Path, document: object) -> None:
    said = "\n".join(complaints(tmp_path / "config.yaml", yaml.safe_dump(document), OPENED))

    assert "S3cr3t" not in said
    assert AES_KEY not in said
    assert "值不对" not in said  # every kind of finding has words of its own
    said.encode("utf-8")  # can be printed


@REUSE
@given(text=st.text(alphabet=st.sampled_from("ab1:-[]{}\"'#&*!|>%@\\\n \t,?～密$") | st.characters(codec="utf-8"), max_size=60))
def test_whatever_the_text_is_the_file_loads_or_says_why(tmp_path: Path, text: str) -> None:
    assert "no reason given" not in complaints(tmp_path / "config.yaml", text, {})


TAGS = ("int", "float", "bool", "null", "timestamp", "binary", "set", "omap", "python/object:os.system")


@REUSE
@given(tag=st.sampled_from(TAGS), text=st.text("0x1:.-_eTyn", max_size=6))
def test_no_yaml_tag_breaks_the_loading(tmp_path: Path, tag: str, text: str) -> None:
    assert len(complaints(tmp_path / "config.yaml", f'server: {{port: !!{tag} "{text}"}}', {})) <= 1


# The shipped file and the docs -----------------------------------------------------------------------------------------

SHIPPED = ROOT / "config.yaml"


def uncommented(text: str) -> str:
    """The shipped file with its example settings switched on: lines whose # is followed by more than one blank and a key."""
    return re.sub(r"^#(  +(?:- )?[A-Za-z_0-9]+: ?.*)$", r"\1", text, flags=re.MULTILINE)


def leaves(model: Any, prefix: str = "") -> dict[str, Any]:
    """The default of every setting by its dotted name."""
    sections = module._sections()
    found: dict[str, Any] = {}
    for name, known in model.model_fields.items():
        found |= leaves(sections[name], f"{name}.") if not prefix and name in sections else {prefix + name: known.get_default()}
    return found


def test_the_shipped_file_starts_without_any_secret_and_says_the_defaults() -> None:
    config = load(SHIPPED, {})

    assert config.model_dump() == Config().model_dump()
    assert config.literal_secrets == ()


def test_the_shipped_file_has_a_line_for_every_setting() -> None:
    written = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))

    for name, default in leaves(Config).items():
        section, _, key = name.rpartition(".")
        value = (written[section] if section else written)[key]
        plain = default.get_secret_value() if isinstance(default, SecretStr) else default
        assert (tuple(value or ()) if isinstance(plain, tuple) else value) == plain, name


def test_the_shipped_files_examples_work_once_their_hash_is_taken_away(write: Write) -> None:
    text = uncommented(SHIPPED.read_text(encoding="utf-8")).replace('corp_id: ""', "corp_id: ww1")
    env = dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), AES_KEY)

    config = load(write(text), env)

    assert [channel.kind for channel in config.channels] == list(CHANNEL_MODELS)
    for channel in config.channels:
        assert channel.model_fields_set >= {name for name, known in type(channel).model_fields.items() if known.is_required()}
    assert {name for channel in config.channels for name in channel.model_fields_set} == {
        name for model in CHANNEL_MODELS.values() for name in model.model_fields
    }
    assert config.communities[0].model_fields_set == set(CommunityConfig.model_fields)
    assert config.literal_secrets == ()


def test_every_setting_is_described() -> None:
    for model in MODELS:
        for name, known in model.model_fields.items():
            assert known.description, f"{model.__name__}.{name}"


def test_the_docs_are_up_to_date() -> None:
    assert config_docs.PAGE.read_text(encoding="utf-8") == config_docs.render(), "run: python -m tools.config_docs"


def test_the_docs_name_every_setting() -> None:
    page = config_docs.render()
    for model in MODELS:
        for name in model.model_fields:
            assert f"| `{name}` |" in page or f"\n## {name}\n" in page, name

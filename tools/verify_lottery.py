"""Recomputes a lottery's proof with nothing but Python: ``python verify_lottery.py FILE`` ends with 0 where all follows from the seed and the list."""

import hashlib
import hmac
import sys
from pathlib import Path

text = Path(sys.argv[1]).read_text(encoding="utf-8-sig")
head, _, tickets = text.partition("\n号码：\n")
lines = [line.partition("：") for line in head.split("\n")]
said = {name: value for name, _, value in reversed(lines)}
terms = "".join(f"{name}：{value}\n" for name, _, value in lines if name in ("活动", "开始", "名称", "奖品", "公证数"))
commitment, listed = (hashlib.sha256(part.encode()).hexdigest() for part in (f"{said['种子']}\n{terms}", tickets))
left, counter = tickets.split("\n")[:-1], 0
numbers = [int(line.split(" ")[0]) for line in left]
new = f"群管家抽奖凭证 1\n{terms}承诺：{commitment}\n人数：{len(left)}\n名单：{listed}\n"
new += f"结果：{said.get('结果')}\n种子：{said['种子']}\n" if "公证数" in said and left else f"种子：{said['种子']}\n"
for copies, _, prize in (value.partition(" ") for name, _, value in lines if name == "奖品"):
    for _draw in range(min(int(copies), len(left))):
        number = 2**256
        while number >= 2**256 // len(left) * len(left):
            message = f"{listed}|{said.get('结果', '')}|{counter}".encode()
            number, counter = int(hmac.new(bytes.fromhex(said["种子"]), message, "sha256").hexdigest(), 16), counter + 1
        left[number % len(left)], left[-1] = left[-1], left[number % len(left)]
        new += f"中奖：{left.pop().split(' ')[0]} {prize}\n"
if f"{new}号码：\n{tickets}" != text or numbers != sorted(set(numbers)):
    sys.exit("WRONG: this is not what follows from the seed and the list")
print(f"RIGHT: {len(numbers)} tickets. What the group was told first and at the end has to be:", commitment, listed)

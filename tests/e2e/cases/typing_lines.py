"""What is typed, and where completion is wanted."""

from __future__ import annotations

from pathlib import Path

CORPUS = tuple(Path(__file__).with_name("typing_corpus.py.txt").read_text(encoding="utf-8").splitlines())
"""Three hundred lines with what people write: strings, comments, numbers, operators, Chinese, magics, unfinished code."""

ORDINARY = (
    "if True:",
    "x = [",
    "def f(a,",
    "lr = 1e-",
    "a = b",
    "x = 3.",
    "for i in range(3):",
    "while True:",
    "class A:",
    "class B(A):",
    "def g():",
    "def h(x, y):",
    "else:",
    "try:",
    "except ValueError:",
    "finally:",
    "with open(p) as f:",
    "lambda x:",
    "return",
    "y = {",
    "z = (",
    "d = {'a':",
    "d['k']",
    "t = 1,",
    "s = x[1:",
    "n = -",
    "n = 1 +",
    "n = a *",
    "n = a ==",
    "n = not",
    "print('a')",
    "print(a,",
    "f'{a}'",
    "x: int =",
    "x += 1",
    "@d",
    "b = 0x",
    "c = 1_000.",
    "e = 2e5",
    "# note: a.",
    "'text.'",
    "a < b",
    "a and b",
    "a if b else c",
    "import os",
    "i = j = k",
)
"""Ordinary lines, each of which is left for a while before Enter."""

BEFORE = """\
import os, sys, math, json, collections, itertools, re, random, functools, datetime
from pathlib import Path
class Robot:
    battery_level = 3
    def recharge(self, amount): return amount
    def walk_forward(self): return 1
robot = Robot()
learning_rate = 0.1
training_data = [1, 2]
学习率 = 0.1
"""
"""What the places below stand after."""

WANTED = {
    "learn": "learning_rate",
    "train": "training_data",
    "robot.": "battery_level",
    "robot.batt": "battery_level",
    "robot.rech": "recharge",
    "Robot().wal": "walk_forward",
    "x = learn": "learning_rate",
    "print(train": "training_data",
    "[learn": "learning_rate",
    "(learn": "learning_rate",
    "{'a': learn": "learning_rate",
    "f'{learn": "learning_rate",
    "f'{robot.": "battery_level",
    "f'rate {robot.rech": "recharge",
    "for i in train": "training_data",
    "if learn": "learning_rate",
    "while robot.walk": "walk_forward",
    "g = lambda: learn": "learning_rate",
    "学": "学习率",
    "x = 学习": "学习率",
    "math.sq": "sqrt",
    "math.fac": "factorial",
    "math.floo": "floor",
    "os.path.joi": "join",
    "os.getc": "getcwd",
    "sys.vers": "version",
    "json.dum": "dump",
    "json.loa": "load",
    "re.comp": "compile",
    "'abc'.upp": "upper",
    "'abc'.spl": "split",
    "[].app": "append",
    "{}.ite": "items",
    "Pat": "Path",
    "Path().exi": "exists",
    "Path('a').read_t": "read_text",
    "collections.Coun": "Counter",
    "collections.defau": "defaultdict",
    "itertools.cha": "chain",
    "random.shuf": "shuffle",
    "functools.part": "partial",
    "datetime.timed": "timedelta",
    "import subpro": "subprocess",
    "from os import getc": "getcwd",
    "from collections import Ord": "OrderedDict",
    "impo": "import",
    "x = not learn": "learning_rate",
    "x = learning_rate + train": "training_data",
    "robot.recharge(learn": "learning_rate",
    "sorted(train": "training_data",
    "enumera": "enumerate",
    "isins": "isinstance",
    "prin": "print",
    "rang": "range",
    "ZeroDiv": "ZeroDivisionError",
    "x = training_data[0] + learn": "learning_rate",
    "assert learn": "learning_rate",
    "del train": "training_data",
    "with ope": "open",
    "x: Robo": "Robot",
    "@functools.wra": "wraps",
    "x = -learn": "learning_rate",
    "print(*train": "training_data",
    "training_data[0].bit_l": "bit_length",
}
"""Where a popup is wanted, and the first thing that it is to offer."""

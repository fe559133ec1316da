"""The pitfall detector: what is known to make a correct derivative of the program the wrong one of the problem.

findings.py    what is reported, as plain data
catalogue.py   one row per kind of pitfall: what it is, how it is seen, what to write instead
flow.py        static facts of the typed IR: what depends on what, with and without a derivative
observe.py     one interpreted run with tangents beside the values, within a time budget
probe.py       compiled runs: slopes at many steps, from both sides, forward and reverse
variants.py    the program changed: more laps of its loops, a wider number type
rules.py       the rules of numbers and branches; loops.py: of loops; refused.py: of programs that do not compile
check.py       `wg.check`: puts these in order
"""

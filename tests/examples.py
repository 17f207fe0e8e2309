"""How many examples a property is tried with."""

import os


def examples(count: int) -> int:
    """`count`, times the variable HOUSECOUNT_EXAMPLES when it is set."""
    return max(1, round(count * float(os.environ.get("HOUSECOUNT_EXAMPLES") or 1)))


#: What texts are made of. Letters of several scripts, what is composed or drawn over, what has no width, what every
#: format in use here must escape; named one by one, because to work out all of Unicode takes seconds at each start.
LETTERS = (
    "abzAZ059 _-.,;:!?@#$%^&*+=|~`'\"/\\()[]{}<>\t\n\r\x00\x01\x1b\x7f"
    "\x85\xa0\xad\xdf\xe9\xf8\u0100\u0130\u0131\u0301\u0416\u05d0\u0627\u0e01\u200b\u200d\u202e"
    "\u2028\u20ac\u4e2d\uac00\ufb01\ufeff\ufffd\uffff\U0001f3ad\U0001f469\U000e0041\U0010ffff"
)

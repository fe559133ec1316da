"""The options of the cell magics: what is read, and the one line for what is not."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

from wengert.magics.options import PARSERS, Autodiff, Batch, Offload, parse

READ = [
    ("autodiff", "", Autodiff()),
    ("autodiff", "--wrt x", Autodiff(wrt="x")),
    ("autodiff", "--wrt x,2", Autodiff(wrt=("x", 2))),
    ("autodiff", "--wrt 1 --mode forward --name g --no-view", Autodiff("forward", 1, 1, "g", False)),
    ("autodiff", "--order 2", Autodiff(order=2)),
    ("batch", "", Batch()),
    ("batch", "--in-axes 0,None", Batch((0, None))),
    ("batch", "--in-axes=-1,(0,None)", Batch((-1, (0, None)))),
    ("batch", "--in-axes 1", Batch(1)),
    ("offload", "", Offload()),
    ("offload", "cuda:1 --fallback cpu", Offload("cuda:1", "cpu")),
    ("offload", "cuda:0,cuda:1", Offload("cuda:0,cuda:1")),
    ("offload", "--name f_gpu cpu", Offload("cpu", None, "f_gpu")),
]

REFUSED = [
    ("autodiff", "--mod auto", "%%autodiff: unrecognized arguments: --mod auto (see %%autodiff --help)"),
    ("autodiff", "--mode fast", "%%autodiff: argument --mode: invalid choice: 'fast'"),
    ("autodiff", "--order 3", "%%autodiff: argument --order: invalid choice: '3'"),
    ("autodiff", "--wrt x,,y", "%%autodiff: --wrt x,,y: names or positions of arguments, such as x,y or 0,2"),
    ("autodiff", "--name 3d", "%%autodiff: --name 3d: not a name of Python"),
    ("autodiff", "--memory much", "%%autodiff: --memory much: an amount of memory such as 500MB"),
    ("autodiff", "--memory 1MB --order 2", "%%autodiff: --memory bounds the reverse sweep of a first derivative"),
    ("autodiff", "--order 2 --mode reverse", "%%autodiff: --order 2 is always forward over reverse"),
    ("batch", "--in-axes x", "%%batch: --in-axes x: an axis or None for each argument, such as 0,None"),
    ("batch", "--in-axes 0.5", "%%batch: --in-axes 0.5: an axis or None"),
    ("batch", "0", "%%batch: unrecognized arguments: 0"),
    ("offload", "cuda:0,,cuda:1", "%%offload cuda:0,,cuda:1: names of devices with a comma between them, such as cuda:0,cuda:1"),
    ("offload", "cuda:0,cpu --compare", "%%offload: --compare is of one device with the CPU"),
    ("offload", "--fallback gpu", "%%offload: argument --fallback: invalid choice: 'gpu'"),
]


@pytest.mark.parametrize(("magic", "line", "expected"), READ)
def test_read(magic, line, expected):
    assert parse(magic, line) == expected


@pytest.mark.parametrize(("magic", "line", "message"), REFUSED)
def test_refused_in_one_line(magic, line, message):
    with pytest.raises(UsageError) as caught:
        parse(magic, line)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_check_and_compare_are_asked_for():
    assert parse("autodiff", "--check").check and not parse("autodiff", "").check
    assert parse("offload", "--compare").compare and not parse("offload", "").compare


@pytest.mark.parametrize("magic", PARSERS)
def test_help_names_every_option_and_the_plain_api(magic):
    text = PARSERS[magic].format_help()
    assert text.startswith(f"usage: %%{magic} ")
    assert "The same in plain Python: wg." in text
    for action in PARSERS[magic]._actions:
        assert all(option in text for option in action.option_strings)

"""Cells under the magics, end to end, in a real shell."""

from __future__ import annotations

import numpy as np
import pytest

SQUARE = "def f(x: float) -> float:\n    return x * x * x\n"


def test_gradient_of_a_float(cell):
    printed = cell(f"%%autodiff\n{SQUARE}")
    assert printed.startswith("f, grad_f compiled for (x: f64); ")
    assert printed.endswith(" ms")
    assert cell.shell.ev("f(2.0)") == 8.0
    assert cell.shell.ev("grad_f(2.0)") == 12.0


def test_the_rest_of_the_cell_runs_as_usual(cell):
    printed = cell(
        """
        %%autodiff --no-view
        scale = 3.0
        def helper(x):
            return scale * x
        def f(x: float) -> float:
            return helper(x) ** 2
        print("made", type(helper).__name__)
        slope = float(grad_f(1.0))
        slope
        """
    )
    assert printed == "made function\nOut[2]: 18.0"
    assert cell.shell.user_ns["_"] == 18.0
    assert cell("slope + 1") == "Out[3]: 19.0"


def test_a_semicolon_keeps_the_value_quiet(cell):
    assert cell(f"%%autodiff --no-view\n{SQUARE}f(2.0);") == ""


def test_types_from_the_first_call(cell):
    printed = cell("%%autodiff\ndef f(x: np.ndarray):\n    return np.sum(x * x)")
    assert printed == "f, grad_f/jac_f will be compiled at their first call"
    assert np.allclose(cell.shell.ev("grad_f(np.arange(3.0))"), [0, 2, 4])
    assert cell.shell.ev("grad_f is jac_f")


def test_array_result_known_by_annotation(cell):
    printed = cell("%%autodiff\ndef f(x: NDArray[np.float64]) -> NDArray[np.float64]:\n    return x * x")
    assert printed == "f, jac_f will be compiled at their first call"
    assert np.allclose(cell.shell.ev("jac_f(np.arange(3.0))"), np.diag([0, 2, 4]))
    assert "grad_f" not in cell.shell.user_ns


def test_array_result_found_at_the_first_call(cell):
    cell("%%autodiff\ndef f(x: np.ndarray):\n    return x * x")
    assert np.allclose(cell.shell.ev("jac_f(np.arange(3.0))"), np.diag([0, 2, 4]))


def test_float_result_known_by_annotation(cell):
    assert "f, grad_f will be" in cell("%%autodiff\ndef f(x: NDArray[np.float64]) -> float:\n    return np.sum(x * x)")
    assert "jac_f" not in cell.shell.user_ns


def test_second_order(cell):
    assert cell(f"%%autodiff --order 2\n{SQUARE}").startswith("f, hess_f compiled for (x: f64); ")
    assert cell.shell.ev("hess_f(2.0)") == 12.0


def test_forward_mode(cell):
    cell(f"%%autodiff --mode forward --name slope\n{SQUARE}")
    assert cell.shell.ev("slope(2.0)") == 12.0


def test_wrt_by_name_and_position(cell):
    cell("%%autodiff --wrt y,0\ndef f(x: float, y: float) -> float:\n    return x * y * y")
    assert cell.shell.ev("grad_f(2.0, 3.0)") == (12.0, 9.0)


def test_several_functions(cell):
    printed = cell(
        """
        %%autodiff --wrt k --name slope
        def flux(u: float) -> float:
            return u * u
        def energy(u: float, k: float) -> float:
            return k * k * flux(u)
        def loss(k: float) -> float:
            return energy(2.0, k)
        """
    )
    assert printed.startswith(
        "flux compiled for (u: f64); energy, grad_energy compiled for (u: f64, k: f64); loss, slope compiled for (k: f64); "
    )
    assert cell.shell.ev("grad_energy(2.0, 3.0)") == 24.0
    assert cell.shell.ev("slope(3.0)") == 24.0


def test_functions_defined_further_down(cell):
    cell("%%autodiff --no-view\ndef f(x: float) -> float:\n    return g(x) * C\ndef g(x):\n    return x * x\nC = 5.0")
    assert cell.shell.ev("grad_f(3.0)") == 30.0
    cell("%%autodiff --no-view\ndef f(x: float) -> float:\n    return g(x) * C\ndef g(x):\n    return x\nC = 2.0")
    assert cell.shell.ev("grad_f(3.0)") == 2.0  # with the g and C of this run


def test_batch(cell):
    printed = cell("%%batch --in-axes 0,None\ndef f(x: float, y: float) -> float:\n    return x * y")
    assert printed.startswith("f compiled for (x: f64, y: f64); batch_f will be compiled at its first call; ")
    assert np.allclose(cell.shell.ev("batch_f(np.arange(3.0), 2.0)"), [0, 2, 4])


def test_stack_of_batch_and_autodiff(cell):
    cell(f"%%batch\n%%autodiff\n{SQUARE}")
    assert np.allclose(cell.shell.ev("batch_grad_f(np.arange(3.0))"), [0, 3, 12])


def test_stack_of_all_three(cell):
    printed = cell(f"%%offload cpu\n%%batch\n%%autodiff\n{SQUARE}")
    assert "f, grad_f compiled for (x: f64); batch_grad_f, batch_grad_f_cpu will be compiled" in printed
    assert np.allclose(np.asarray(cell.shell.ev("batch_grad_f_cpu(np.arange(3.0))")), [0, 3, 12])


def test_several_devices_share_out(cell):
    printed = cell(f"%%offload cpu,cpu\n%%batch\n%%autodiff\n{SQUARE}")
    assert "batch_grad_f, batch_grad_f_cpu, batch_grad_f_cpu will be compiled at their first call" in printed
    assert np.allclose(cell.shell.ev("batch_grad_f_cpu_cpu(np.arange(5.0))"), [0, 3, 12, 27, 48])
    assert [s.device for s in cell.shell.user_ns["batch_grad_f_cpu_cpu"].split] == ["cpu", "cpu"]
    printed = cell(f"%%offload cuda:7,cpu --fallback cpu --name both\n%%batch\n{SQUARE}")
    assert "running on the CPU instead" in printed and np.allclose(cell.shell.ev("both(np.arange(3.0))"), [0, 1, 8])
    assert "several devices stand on the first line" in cell(f"%%batch\n%%offload cpu,cpu\n{SQUARE}")


def test_fallback_is_told(cell):
    printed = cell(f"%%offload cuda:7 --fallback cpu\n{SQUARE}")
    assert "f, f_cuda7 compiled for (x: f64)" in printed
    assert "there is no device 'cuda:7' here" in printed
    assert "running on the CPU instead" in printed
    assert cell.shell.ev("f_cuda7(2.0)") == 8.0


def test_check_reports_at_the_arguments_of_the_cell(cell):
    folded = "def f(x: float) -> float:\n    return abs(x) * 3.0 + (x == 0.0) * x"
    assert "kink" in cell(f"%%autodiff --check\n{folded}\nf(0.0)")
    assert "f: 0 warnings" in cell(f"%%autodiff --check\n{SQUARE}\nf(1.0)")
    printed = cell("%%autodiff --check\ndef g(x: float) -> float:\n    k = int(x / 0.1)\n    return k * 0.1")
    assert "the cell does not call g, so nothing was checked" in printed
    assert "note: line 3: a value without a derivative gets into the result [quantisation]" in printed


def test_compare_runs_both_before_the_first_call_of_each_kind(cell):
    cell(f"%%offload cuda-sim --compare --name there\n{SQUARE}")
    assert "ULP" in cell("there(2.0)")
    assert "ULP" not in cell("there(3.0)")
    assert cell.shell.ev("there(2.0)") == 8.0


@pytest.mark.parametrize("magic", ["autodiff", "batch", "offload"])
def test_help(cell, magic):
    assert cell(f"%%{magic} --help").startswith(f"usage: %%{magic} ")


def test_the_view_can_be_switched_off(cell):
    assert cell("%wengert settings view off").startswith("view off")
    assert cell(f"%%autodiff\n{SQUARE}") == ""
    assert cell("%wengert settings").startswith("view off")
    assert cell("%wengert settings view on").startswith("view on")
    assert "grad_f" in cell(f"%%autodiff\n{SQUARE}")


def test_source_is_found(cell):
    cell(f"%%autodiff\n{SQUARE}")
    assert cell.shell.ev("__import__('inspect').getsource(f)") == SQUARE


# -- errors


def test_unknown_device_lists_devices(cell):
    printed = cell(f"%%offload cuda:7\n{SQUARE}")
    assert printed.startswith("DeviceError: there is no device 'cuda:7' here")
    assert 'help: fallback="cpu"' in printed and "usable here: 'cpu'" in printed


def test_compile_error(cell):
    printed = cell(
        """
        %%autodiff
        def f(x: float) -> float:
            with open("x") as file:
                return x
        """
    )
    assert printed == (
        "Cell In[2], line 3, column 10\n"
        '        with open("x") as file:\n'
        "             ^^^^^^^^^\n"
        "UnsupportedError: `with` cannot be compiled\n"
        "  help: Enter the context around the call of the compiled function; `np.errstate` and `warnings.catch_warnings` with "
        '"ignore" are left out of it.'
    )


def test_compile_error_at_the_first_call_names_the_cell_of_the_function(cell):
    cell("%%autodiff\n\ndef f(x):\n    return x * undefined_name")
    printed = cell("y = 1\nf(2.0)")
    assert printed.startswith("Cell In[2], line 4, column 16\n")
    assert "CompileError: name `undefined_name` is not defined" in printed
    assert "File" not in printed


def test_error_of_a_function_of_a_plain_cell_names_the_cell(cell):
    cell("def plain(x):\n    return x * undefined_name")
    assert cell("wg.jit(plain)(2.0)").startswith("Cell In[2], line 2, column 16\n")


def test_out_of_range_names_the_line(cell):
    cell("%%autodiff\ndef f(x: NDArray[np.float64], i: int) -> float:\n    return x[i] * x[0]")
    printed = cell("grad_f(np.arange(3.0), 7)")
    assert printed.startswith(
        "Cell In[2], line 3, column 12\n        return x[i] * x[0]\n               ^^^^\nIndexError: "
    )
    assert "File" not in printed
    assert cell("float(f(np.arange(3.0) + 1, 2))") == "Out[4]: 3.0"


def test_error_of_the_users_own_statement_has_no_frames_of_ours(cell):
    printed = cell(f"%%autodiff\n{SQUARE}\nvalues = [f(2.0)]\nvalues[3]")
    assert "Cell In[2], line 6" in printed
    assert printed.endswith("IndexError: list index out of range")
    assert "magics" not in printed
    assert "run_cell_magic" not in printed


def test_syntax_error_is_the_ordinary_one(cell):
    magic = cell("%%autodiff\ndef f(x: float):\n    return x)")
    plain = cell("#\ndef f(x: float):\n    return x)")
    assert magic == plain.replace("In[3]", "In[2]")


def test_line_numbers_below_another_magic(cell):
    printed = cell("%%time\n\n%%autodiff\ndef f(x: float) -> float:\n    return x * undefined_name")
    assert "Cell In[2], line 5, column 16\n        return x * undefined_name\n" in printed


def test_a_cell_that_fails_leaves_the_others_alone(cell):
    cell(f"%%autodiff --no-view\n{SQUARE}")
    cell("%%autodiff\ndef g(x: float) -> float:\n    return x * undefined_name")
    assert cell("float(grad_f(2.0))") == "Out[4]: 12.0"


def test_not_there_yet_is_one_line(cell, monkeypatch):
    def refuse(*args, **kwargs):
        raise NotImplementedError("complex things will come")

    monkeypatch.setattr("wengert.magics.layers.batch", refuse)
    assert cell(f"%%batch\n{SQUARE}") == "UsageError: complex things will come"


def test_status_tells_types_apart(cell):
    printed = cell(f"%%batch\n%%autodiff\n{SQUARE}\nvalues = batch_grad_f(np.arange(3.0))")
    assert printed.startswith("f, grad_f compiled for (x: f64); batch_grad_f compiled for (x: f64[?]); ")


def test_functions_of_dataclasses(cell):
    printed = cell(
        """
        %%autodiff --no-view
        from dataclasses import dataclass
        @dataclass
        class Point:
            a: float
            b: float
        def f(p: Point) -> float:
            return p.a * p.b * p.b
        slope = grad_f(Point(1.0, 2.0))
        print(type(slope).__name__, float(slope.a), float(slope.b))
        """
    )
    assert printed == "Point 4.0 4.0"


def test_decorated_functions(cell):
    cell("%%autodiff --no-view\n@wg.jit\ndef f(x: float) -> float:\n    return x * x")
    assert cell.shell.ev("grad_f(2.0)") == 4.0


def test_errors_after_a_reset_still_name_cells(cell):
    cell("%reset -f")
    cell("import wengert as wg\ndef plain(x):\n    return x * undefined_name")
    assert cell("wg.jit(plain)(2.0)").startswith("Cell In[3], line 3, column 16\n")


def test_the_same_function_in_two_cells_names_the_cell_of_each(cell):
    body = "def f(x):\n    return x * undefined_name"
    cell(f"%%autodiff\n{body}")
    assert cell("f(2.0)").startswith("Cell In[2], line 3, column 16\n")
    cell(f"%%batch\n{body}")
    assert cell("f(2.0)").startswith("Cell In[4], line 3, column 16\n")


def test_offload_to_a_simulated_gpu(cell, monkeypatch):
    monkeypatch.setenv("WENGERT_SIMULATE_GPU", "1")
    cell(
        """
        %%offload --no-view
        %%autodiff
        def f(x: NDArray[np.float64], k: float) -> float:
            return np.sum(np.sin(x) * k)
        """
    )
    slope = cell.shell.ev("grad_f_cuda0(np.arange(5.0), 2.0)")
    assert slope.device == "cuda:0"
    assert np.allclose(np.asarray(slope), 2 * np.cos(np.arange(5.0)))
    assert "first use" in cell("%wengert transfers")

"""Assignment: names, unpacking, elements, slices, masks; plain and augmented."""

from __future__ import annotations

import ast

import numpy as np

from wengert.compiler.frontend import arithmetic, complexes, list_methods, list_reads, lists, overloads, written_lists
from wengert.compiler.frontend.arithmetic import OPERATORS, binary, dtype_and_weakness
from wengert.compiler.frontend.gather import (
    arrays_for_lists,
    is_indices,
    is_mask,
    mask_for,
    scatter,
    store_masked,
    store_masked_part,
    take,
)
from wengert.compiler.frontend.grids import has_open_step, stepped
from wengert.compiler.frontend.index import number
from wengert.compiler.frontend.kinds import describe, scalar_type, to_value
from wengert.compiler.frontend.masks import picked
from wengert.compiler.frontend.objects import (
    Array,
    ArrayValue,
    Cell,
    Object,
    Scalar,
    Slice,
    Static,
    Tuple,
    arrays_in,
    is_list,
    is_number,
    root,
)
from wengert.compiler.frontend.output import combined
from wengert.compiler.frontend.shapes import reshape
from wengert.compiler.frontend.subscripts import item_of, subscript_items
from wengert.compiler.frontend.tracer import SERVICES, STATEMENTS, Tracer, handles
from wengert.compiler.frontend.views import element, fitted, indexed, store, store_element, write
from wengert.compiler.ir.types import DType


def assign(tracer: Tracer, target: ast.expr, item: Object) -> None:
    """Bind or store `item`."""
    if isinstance(target, ast.Name):
        name_it(tracer, target.id, item)
        tracer.bind(target.id, item)
    elif isinstance(target, ast.Tuple | ast.List):
        unpack(tracer, target, item)
    elif isinstance(target, ast.Subscript):
        store_subscript(tracer, target, item)
    elif isinstance(target, ast.Attribute):
        store_attribute(tracer, target, item)
    else:
        tracer.refuse("starred", target)


def store_attribute(tracer: Tracer, target: ast.Attribute, item: Object) -> None:
    """`z.real = x`, and `x.shape = s` of an array that only this name refers to. Fields of structures are refused."""
    owner = tracer.evaluate(target.value)
    if isinstance(owner, Array) and target.attr in ("real", "imag"):
        held = complexes.part(tracer, owner, target.attr)
        if isinstance(held, Array) and (held.part or target.attr == "real"):
            store(tracer, held, item)
            return
    if isinstance(owner, Array) and target.attr == "shape" and isinstance(target.value, ast.Name):
        same = [n for n, other in tracer.names.items() if owner in arrays_in(other)]
        if same == [target.value.id] and not (owner.is_whole and root(owner.cell).pinned):
            tracer.names[target.value.id] = reshape(tracer, owner, item)
            return
        tracer.refuse("shape_store", target, name=target.value.id)
    tracer.refuse("attribute_store", target)


def name_it(tracer: Tracer, name: str, item: Object) -> None:
    """Let IR values and cells carry the name the user gave them first."""
    if isinstance(item, Scalar):
        if not item.value.hint or item.value.hint.startswith("$"):
            item.value.hint = name
    elif isinstance(item, Array) and (not item.cell.name or item.cell.name.startswith("$")):
        item.cell.name = name
        held = tracer.state.cells.get(item.cell)
        if type(item.cell) is Cell and isinstance(held, ArrayValue) and not held.value.hint:
            held.value.hint = name


def unpack(tracer: Tracer, target: ast.Tuple | ast.List, item: Object) -> None:
    wanted = target.elts
    starred = [k for k, e in enumerate(wanted) if isinstance(e, ast.Starred)]
    if starred and (is_list(item) or isinstance(item, Array) and tracer.extents(item)[0].known is None):
        unpack_starred(tracer, target, item, starred[0])
        return
    if starred and isinstance(item, Array):
        known = tracer.extents(item)[0].known
        assert known is not None
        items = parts_of(tracer, item, known, target)
    else:
        items = parts_of(tracer, item, len(wanted), target)
    if starred:
        first, rest = starred[0], len(wanted) - starred[0] - 1
        if len(items) < len(wanted) - 1:
            tracer.refuse("unpack", target, found=len(items), wanted=len(wanted))
        middle = Tuple(list, tuple(items[first : len(items) - rest]))
        items = [*items[:first], middle, *items[len(items) - rest :]]
        wanted = [e.value if isinstance(e, ast.Starred) else e for e in wanted]
    if len(items) != len(wanted):
        tracer.refuse("unpack", target, found=len(items), wanted=len(wanted))
    for element_target, part in zip(wanted, items, strict=True):
        assign(tracer, element_target, part)


def unpack_starred(tracer: Tracer, target: ast.Tuple | ast.List, item: Array | Tuple, at: int) -> None:
    """`a, *rest, z = x` of an array or list of run-time length: `rest` is a list of run-time length."""
    wanted, builder = target.elts, tracer.builder
    length = list_reads.length(tracer, item) if isinstance(item, Tuple) else tracer.extents(item)[0]
    after = len(wanted) - at - 1
    enough = builder.emit("greater_equal", tracer.index.value(length), builder.integer(len(wanted) - 1))
    tracer.check(enough, "value", f"not enough values to unpack (expected at least {len(wanted) - 1})")

    def one(k: int) -> Object:
        return list_reads.item_at(tracer, item, Static(k)) if isinstance(item, Tuple) else item_at(tracer, item, Static(k))

    ends = {k: one(k if k < at else k - len(wanted)) for k in range(len(wanted)) if k != at}
    middle = Slice(Static(at), Static(-after) if after else None, None)
    rest = (
        list_reads.part(tracer, item, middle)
        if isinstance(item, Tuple)
        else SERVICES["inline"](tracer, written_lists.listed, [indexed(tracer, item, [middle])])
    )
    for k, each in enumerate(wanted):
        assign(tracer, each.value if isinstance(each, ast.Starred) else each, rest if k == at else ends[k])


def parts_of(tracer: Tracer, item: Object, wanted: int, node: ast.AST | None = None) -> list[Object]:
    """The items of a tuple, or the elements (rows) of an array or list of run-time length that has `wanted` of them."""
    if is_list(item):
        arithmetic.require_same(tracer, list_reads.length(tracer, item), number(wanted), "wrong number of values to unpack")
        return [list_reads.item_at(tracer, item, Static(k)) for k in range(wanted)]
    if isinstance(item, Tuple):
        return list(item.items)
    if not isinstance(item, Array):
        tracer.refuse("iterate", node, what=describe(item))
    arithmetic.require_same(tracer, tracer.extents(item)[0], number(wanted), "wrong number of values to unpack")
    return [item_at(tracer, item, Static(k)) for k in range(wanted)]


def item_at(tracer: Tracer, array: Array, index: Object) -> Object:
    part = indexed(tracer, array, [index])
    return element(tracer, part) if part.rank == 0 else part


def written(tracer: Tracer, node: ast.expr) -> Object:
    """What stands in front of the brackets that are stored to: an array in a list is the list's own."""
    if isinstance(node, ast.Subscript):
        owner = written(tracer, node.value)
        if is_list(owner):
            places = subscript_items(tracer, node.slice)
            array = lists.array_at(tracer, owner, places[0]) if len(places) == 1 and not isinstance(places[0], Slice) else None
            return array if array is not None else item_of(tracer, owner, places, node)
        return item_of(tracer, owner, subscript_items(tracer, node.slice), node)
    return tracer.evaluate(node)


def store_subscript(tracer: Tracer, target: ast.Subscript, item: Object) -> None:
    base = written(tracer, target.value)
    if isinstance(base, Tuple) and (base.kind is list or is_list(base)):
        places = subscript_items(tracer, target.slice)
        if len(places) != 1:
            tracer.refuse("list_slice", target)
        if isinstance(places[0], Slice):
            list_methods.replace_part(tracer, base, places[0], item)
            return
        lists.store_item(tracer, base, places[0], item)
        return
    if isinstance(base, Tuple):
        tracer.refuse("dict_mutation" if base.kind is dict else "list_mutation", target)
    if not isinstance(base, Array):
        kind = scalar_type(base)  # what is no number of Python's own may be an array without axes, which can be written
        tracer.refuse("item_store", target, what=describe(base), raises=TypeError if kind is not None and kind[1] else None)
    items = arrays_for_lists(tracer, subscript_items(tracer, target.slice))
    before, tracer.builder.span = tracer.builder.span, tracer.span(target)
    if has_open_step(items):
        base, items = stepped(tracer, base, items)
    if len(items) == 1 and is_mask(items[0]):
        assert isinstance(items[0], Array)
        if isinstance(item, Tuple) and item.kind is Masked:
            masked_store(tracer, base, items[0], item, target)
        elif isinstance(item, Scalar) or is_number(item):
            store_masked(tracer, base, items[0], item)
        else:
            scatter(tracer, base, picked(tracer, base, items), item)
    elif any(is_indices(i) or is_mask(i) for i in items):
        scatter(tracer, base, picked(tracer, base, items), item)
    else:
        store(tracer, indexed(tracer, base, items), item)
    tracer.builder.span = before


class Masked:
    """Marks the object `y[mask]`: only what is assigned to `x[mask]` may be one."""


def masked_store(tracer: Tracer, base: Array, mask: Array, item: Tuple, node: ast.AST) -> None:
    (source,) = item.items
    assert isinstance(source, Array)
    if source.rank != base.rank:
        tracer.refuse("mask_store", node)
    store_masked_part(tracer, base, mask, source)


# -- statements


@handles(STATEMENTS, ast.Assign)
def assign_statement(tracer: Tracer, node: ast.Assign) -> None:
    named = all(isinstance(target, ast.Name) for target in node.targets)
    item = masked_value(tracer, node) or (tracer.evaluate_any if named else tracer.evaluate)(node.value)
    for target in node.targets:
        assign(tracer, target, item)


def masked_value(tracer: Tracer, node: ast.Assign) -> Object | None:
    """`y[mask]` on the right of `x[mask] = `, the mask written the same way on both sides."""
    target, value = node.targets[0], node.value
    if len(node.targets) > 1 or not isinstance(target, ast.Subscript) or not isinstance(value, ast.Subscript):
        return None
    if isinstance(target.slice, ast.Slice | ast.Tuple | ast.Constant) or ast.dump(target.slice) != ast.dump(
        value.slice
    ):
        return None
    mask = tracer.evaluate(target.slice)
    source = tracer.evaluate(value.value)
    if not is_mask(mask) or not isinstance(source, Array):
        return None
    return Tuple(Masked, (tracer.fresh(tracer.read(source)),))


@handles(STATEMENTS, ast.AnnAssign)
def annotated_statement(tracer: Tracer, node: ast.AnnAssign) -> None:
    if node.value is not None:
        assign(tracer, node.target, tracer.evaluate(node.value))


@handles(STATEMENTS, ast.AugAssign)
def augmented_statement(tracer: Tracer, node: ast.AugAssign) -> None:
    target, kind = node.target, type(node.op)
    if isinstance(target, ast.Name):
        held = tracer.evaluate(ast.copy_location(ast.Name(target.id, ast.Load()), target))
        item = tracer.evaluate(node.value)
        if isinstance(held, Array):
            update_array(tracer, held, kind, item)
            return
        if list_methods.grown_in_place(tracer, target.id, kind, held, item):
            return
        made = lists.placed(tracer, node, operate(tracer, kind, held, item))
        name_it(tracer, target.id, made)
        tracer.bind(target.id, made)
    elif isinstance(target, ast.Subscript):
        augmented_subscript(tracer, target, kind, node)
    else:
        held = tracer.evaluate(ast.copy_location(ast.Attribute(target.value, target.attr, ast.Load()), target))
        if not isinstance(held, Array):
            tracer.refuse("attribute_store", target)
        update_array(tracer, held, kind, tracer.evaluate(node.value))


def operate(tracer: Tracer, kind: type[ast.AST], a: Object, b: Object) -> Object:
    text = combined(tracer, kind, a, b)
    if text is not None:
        return text
    own = overloads.operator(tracer, kind, a, b, in_place=True)
    if own is not None:
        return own
    made: Object = SERVICES["matmul"](tracer, a, b) if kind is ast.MatMult else binary(tracer, kind, a, b)
    return made


def augmented_subscript(tracer: Tracer, target: ast.Subscript, kind: type[ast.AST], node: ast.AugAssign) -> None:
    base = written(tracer, target.value)
    if isinstance(base, Tuple) and (base.kind is list or is_list(base)):
        places = subscript_items(tracer, target.slice)
        if len(places) != 1 or isinstance(places[0], Slice):
            tracer.refuse("list_slice", target)
        array = lists.array_at(tracer, base, places[0])
        if array is not None:
            update_array(tracer, array, kind, tracer.evaluate(node.value))
            return
        held = lists.item_of(tracer, base, places[0])
        item = tracer.evaluate(node.value)
        if list_methods.grown_in_place(tracer, "", kind, held, item):
            return
        lists.store_item(tracer, base, places[0], operate(tracer, kind, held, item))
        return
    if isinstance(base, Tuple):
        tracer.refuse("dict_mutation" if base.kind is dict else "list_mutation", target)
    if not isinstance(base, Array):
        tracer.refuse("item_store", target, what=describe(base))
    items = arrays_for_lists(tracer, subscript_items(tracer, target.slice))
    if has_open_step(items):
        base, items = stepped(tracer, base, items)
    if any(is_indices(i) or is_mask(i) for i in items):
        item = tracer.evaluate(node.value)
        if len(items) == 1 and is_mask(items[0]) and (isinstance(item, Scalar) or is_number(item)):
            update_masked(tracer, base, items[0], kind, item)  # type: ignore[arg-type]
            return
        items = picked(tracer, base, items)
        made = operate(tracer, kind, take(tracer, base, items), item)
        refuse_augmented_cast(tracer, made, base.dtype, kind)
        scatter(tracer, base, items, made)
        return
    part = indexed(tracer, base, items)
    if part.rank:
        update_array(tracer, part, kind, tracer.evaluate(node.value))
    else:
        update_element(tracer, part, kind, tracer.evaluate(node.value))


def update_element(tracer: Tracer, part: Array, kind: type[ast.AST], item: Object) -> None:
    """`a[i] op= item`; sums of the array's own dtype are accumulations, which need not read the element."""
    known = dtype_and_weakness(item)
    own = (
        known is not None
        and not isinstance(item, Array)
        and (known[0] == part.dtype or (known[1] and fits_weakly(known[0], part)))
    )
    if kind in (ast.Add, ast.Sub) and own and part.dtype.kind in "if" and not part.part:
        value = to_value(tracer, item, part.dtype)
        if kind is ast.Sub:
            value = tracer.builder.emit("negative", value)
        base = tracer.content(part.cell)
        assert part.view is not None
        index = [tracer.index.value(s) for s in part.view.starts]
        tracer.put(part.cell, ArrayValue(tracer.builder.emit("accumulate", base.value, value, *index), base.extents))
        return
    store_element(tracer, part, operate(tracer, kind, element(tracer, part), item))


def fits_weakly(dtype: DType, part: Array) -> bool:
    """Whether a Python number of this kind takes on the array's dtype."""
    first, second = ("buifc".index(k) for k in (dtype.kind, part.dtype.kind))
    return (first <= second or (dtype.kind, part.dtype.kind) == ("i", "u")) and part.dtype.kind != "b"


def update_array(tracer: Tracer, target: Array, kind: type[ast.AST], item: Object) -> None:
    """`u op= item` on a whole array or slice: in place, in the array's own dtype."""
    if target.rank == 0:
        update_element(tracer, target, kind, item)
        return
    made = operate(tracer, kind, target, item)
    refuse_augmented_cast(tracer, made, target.dtype, kind)
    assert isinstance(made, Array)
    extents = tracer.extents(target)
    value = fitted(tracer, tracer.read(made), extents)
    write(tracer, target, ArrayValue(arithmetic.cast(tracer, value, target.dtype), extents))


def refuse_augmented_cast(tracer: Tracer, made: Object, target: DType, kind: type[ast.AST]) -> None:
    """NumPy's rule for operators in place: the result must be of the same kind as the array, or a lesser one."""
    dtype = dtype_and_weakness(made)[0]  # type: ignore[index]
    if not np.can_cast(dtype.numpy, target.numpy, "same_kind"):
        sign = OPERATORS[kind][1] if kind in OPERATORS else "@"
        tracer.refuse("augmented_cast", op=sign + "=", sign=sign, source=dtype, target=target)


def update_masked(tracer: Tracer, base: Array, mask: Array, kind: type[ast.AST], item: Object) -> None:
    """`x[mask] op= scalar`."""
    made = operate(tracer, kind, base, item)
    refuse_augmented_cast(tracer, made, base.dtype, kind)
    assert isinstance(made, Array)
    content = tracer.read(base)
    value = arithmetic.cast(tracer, tracer.read(made).value, base.dtype)
    chosen = tracer.builder.emit("where", mask_for(tracer, base, mask), value, content.value)
    write(tracer, base, ArrayValue(chosen, content.extents))


@handles(STATEMENTS, ast.Delete)
def delete_statement(tracer: Tracer, node: ast.Delete) -> None:
    for target in node.targets:
        if isinstance(target, ast.Name):
            tracer.names.pop(target.id, None)
            continue
        base = written(tracer, target.value) if isinstance(target, ast.Subscript) else None
        if not (isinstance(base, Tuple) and (base.kind is list or is_list(base))):
            tracer.refuse("del", node)
        place = subscript_items(tracer, target.slice)[0]  # type: ignore[attr-defined]
        if isinstance(place, Slice):
            list_methods.replace_part(tracer, base, place, None)
        else:
            list_methods.pop(tracer, base, place)

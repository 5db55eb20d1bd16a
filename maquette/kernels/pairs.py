"""More to do with lanes: rows of four numbers, two at a time, numbers spread over lanes, and blocks turned over.

A hash grid's corner of four features is 16 bytes, in one line of the cache; the two corners of a cell's edge fill the
eight lanes. Nothing here checks that places are within an array, or counts negative ones from its end, as Numba does
at each access: that would cost as much as the arithmetic.
"""

from llvmlite import ir
from numba.core import types

from maquette.kernels.lanes import FAST, FLOATS, LANES, _address, intrinsic

HALF = ir.VectorType(ir.FloatType(), 4)
INT = ir.IntType(32)


def _lanes(places):
    return ir.Constant(ir.VectorType(INT, len(places)), list(places))


def _at(context, builder, kind, array, index):
    return builder.bitcast(_address(context, builder, kind, array, index), HALF.as_pointer())


def _four(context, builder, kind, array, index):
    found = builder.load(_at(context, builder, kind, array, index))
    found.align = 4
    return found


@intrinsic
def pair(typing, array, one, other):
    """Four numbers of a contiguous float32 array from `one` on, then four from `other` on; nothing is checked."""

    def code(context, builder, signature, arguments):
        array, one, other = arguments
        halves = [_four(context, builder, signature.args[0], array, index) for index in (one, other)]
        return builder.shuffle_vector(*halves, _lanes(range(8)))

    return LANES(array, types.intp, types.intp), code


@intrinsic
def fours(typing, one, other):
    """One number four times, then another one four times."""

    def code(context, builder, signature, arguments):
        found = ir.Constant(FLOATS, ir.Undefined)
        for lane, (kind, value) in enumerate(zip(signature.args, arguments, strict=True)):
            found = builder.insert_element(found, context.cast(builder, value, kind, types.float32), INT(lane))
        return builder.shuffle_vector(found, ir.Constant(FLOATS, ir.Undefined), _lanes([0] * 4 + [1] * 4))

    return LANES(one, other), code


@intrinsic
def put_sum(typing, array, index, lanes):
    """Store the first four lanes plus the last four."""

    def code(context, builder, signature, arguments):
        array, index, lanes = arguments
        none = ir.Constant(FLOATS, ir.Undefined)
        halves = [builder.shuffle_vector(lanes, none, _lanes(range(first, first + 4))) for first in (0, 4)]
        where = _at(context, builder, signature.args[0], array, index)
        builder.store(builder.fadd(*halves, flags=FAST), where).align = 4
        return context.get_dummy_value()

    return types.void(array, types.intp, LANES), code


@intrinsic
def add_pair(typing, array, one, other, lanes):
    """Add the first four lanes to the numbers from `one` on, then the last four to those from `other` on."""

    def code(context, builder, signature, arguments):
        array, one, other, lanes = arguments
        none = ir.Constant(FLOATS, ir.Undefined)
        for first, index in ((0, one), (4, other)):  # one after the other: both may be the same
            half = builder.shuffle_vector(lanes, none, _lanes(range(first, first + 4)))
            before = _four(context, builder, signature.args[0], array, index)
            where = _at(context, builder, signature.args[0], array, index)
            builder.store(builder.fadd(before, half, flags=FAST), where).align = 4
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, LANES), code


@intrinsic
def spread(typing, array, index):
    """The number at a place of a contiguous float32 array, eight times."""

    def code(context, builder, signature, arguments):
        array, index = arguments
        data = context.make_array(signature.args[0])(context, builder, array).data
        number = builder.load(builder.gep(data, [index]))
        none = ir.Constant(FLOATS, ir.Undefined)
        return builder.shuffle_vector(builder.insert_element(none, number, INT(0)), none, _lanes([0] * 8))

    return LANES(array, types.intp), code


def _stages():
    """Pairs of vectors of an 8 x 8 block that are shuffled together, and which lanes, in three stages."""
    near = ([0, 8, 2, 10, 4, 12, 6, 14], [1, 9, 3, 11, 5, 13, 7, 15])
    far = ([0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15])
    halves = ([0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15])
    return (1, near), (2, far), (4, halves)


@intrinsic
def turn_over(typing, source, at, stride, target, to, target_stride):
    """An 8 x 8 block of a float32 array into another one, rows as columns; rows begin so many numbers apart."""

    def code(context, builder, signature, arguments):
        source, at, stride, target, to, target_stride = arguments
        rows = []
        for _ in range(8):
            rows.append(builder.load(_address(context, builder, signature.args[0], source, at)))
            rows[-1].align = 4
            at = builder.add(at, stride)
        for apart, (one, other) in _stages():
            mixed = list(rows)
            for row in range(8):
                if not row & apart:
                    pair_of = rows[row], rows[row + apart]
                    mixed[row] = builder.shuffle_vector(*pair_of, _lanes(one))
                    mixed[row + apart] = builder.shuffle_vector(*pair_of, _lanes(other))
            rows = mixed
        for row in rows:
            builder.store(row, _address(context, builder, signature.args[3], target, to)).align = 4
            to = builder.add(to, target_stride)
        return context.get_dummy_value()

    kinds = array_kinds(source, target)
    return (types.void(source, types.intp, types.intp, target, types.intp, types.intp), code) if kinds else None


def array_kinds(*arrays):
    """Whether all are contiguous arrays of float32."""
    return all(isinstance(each, types.Array) and each.dtype == types.float32 and each.layout == "C" for each in arrays)

"""Rows of four numbers, two at a time in one register: what hash grids of four features a corner read and write.

A corner is 16 bytes, in one line of the cache; the two corners of a cell's edge fill the eight lanes.
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

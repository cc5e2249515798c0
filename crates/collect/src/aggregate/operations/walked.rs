//! How operations of each class go through their operands.

use npprof_model::Operand;
use npprof_model::walk::Walk;
use npprof_wire::record::{Operation, Role, operand, operation};

use super::class::Class;
use super::operands::{Operands, inner_strides};
use crate::define::Definitions;

/// The operands in the words of the model, with their inner strides.
pub(crate) fn described(
    class: Class,
    operation: &Operation<'_>,
    operands: &Operands<'_>,
    definitions: &Definitions,
) -> Vec<Operand> {
    let inner = match walk(class, operation, operands) {
        Some((kind, places)) => inner_strides(kind, operands, &places, operation.axes),
        None => vec![None; operands.all().len()],
    };
    let described = operands.all().iter().zip(inner).map(|(seen, inner_stride)| Operand {
        layout: seen.layout(definitions),
        role: seen.role(),
        inner_stride,
    });
    described.collect()
}

/// The places of the operands that are walked, in the order in which [`npprof_model::walk`] wants
/// them; `None` where operands are not walked together.
fn walk(
    class: Class,
    operation: &Operation<'_>,
    operands: &Operands<'_>,
) -> Option<(Walk, Vec<usize>)> {
    let places = |is_wanted: &dyn Fn(Role) -> bool| -> Vec<usize> {
        let all = operands.all().iter().enumerate();
        all.filter(|(_, each)| is_wanted(each.operand.role)).map(|(place, _)| place).collect()
    };
    let inputs = places(&|role| role == Role::Input);
    let written = places(&|role| matches!(role, Role::Output | Role::Result));
    let is_fresh = |place: &usize| {
        let each = operands.all().get(*place);
        each.is_some_and(|each| each.operand.role == Role::Output || each.has(operand::OWNS_DATA))
    };
    let has_mask = operation.flags & operation::HAS_WHERE != 0;
    match class {
        Class::Elementwise => {
            let all = places(&|role| role != Role::Index || has_mask);
            is_broadcast(operands, &all).then_some((Walk::Elementwise, all))
        }
        Class::Reduce => {
            let first = inputs.into_iter().take(1);
            Some((Walk::Reduce, first.chain(written).collect()))
        }
        Class::Accumulate if operation.flags & operation::HAS_AXES != 0 => {
            let first = inputs.into_iter().take(1);
            Some((Walk::Accumulate, first.chain(written).collect()))
        }
        Class::Lanes => {
            let changed = if inputs.is_empty() { written } else { inputs };
            Some((Walk::Sort, changed))
        }
        Class::Copy | Class::Astype | Class::Array | Class::Layout | Class::Flatten => {
            let to = written.into_iter().find(is_fresh)?;
            let kind = match class {
                Class::Layout | Class::Flatten => Walk::Copy,
                _ => Walk::Assign,
            };
            Some((kind, vec![to, *inputs.first()?]))
        }
        Class::Assign => {
            let is_whole = operands.of(Role::Index).next().is_none() || has_mask;
            let to = *written.first()?;
            let from = places(&|role| role == Role::Input || role == Role::Index);
            is_whole.then(|| (Walk::Assign, [vec![to], from].concat()))
        }
        _ => None,
    }
}

/// Whether the shapes fit together, which those of ufuncs on whole matrices seldom do.
fn is_broadcast(operands: &Operands<'_>, places: &[usize]) -> bool {
    let shapes = || places.iter().filter_map(|&place| Some(operands.all().get(place)?.shape()));
    let ndim = shapes().map(<[u64]>::len).max().unwrap_or(0);
    (0..ndim).all(|from_last| {
        let extents = shapes().filter_map(|shape| {
            shape
                .get(shape.len().checked_sub(from_last + 1)?)
                .copied()
                .filter(|&extent| extent != 1)
        });
        let mut extents = extents;
        let first = extents.next();
        extents.all(|extent| Some(extent) == first)
    })
}

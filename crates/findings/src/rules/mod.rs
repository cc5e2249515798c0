//! The kinds of findings, one module each. A new one is a module and a line of [`RULES`].

mod boundary_copy;
mod broadcast_blowup;
mod fancy_index_copy;
mod implicit_upcast;
mod layout_copy;
mod list_conversion;
mod memory_growth;
mod object_dtype;
mod over_allocation;
mod python_loop;
mod quadratic_append;
mod redundant_copy;
mod strided_access;
mod temporary_chain;
mod view_pins_base;

use crate::rule::Rule;

/// All kinds, in the order in which to explain them.
pub const RULES: &[&Rule] = &[
    &redundant_copy::RULE,
    &layout_copy::RULE,
    &boundary_copy::RULE,
    &fancy_index_copy::RULE,
    &broadcast_blowup::RULE,
    &strided_access::RULE,
    &python_loop::RULE,
    &implicit_upcast::RULE,
    &object_dtype::RULE,
    &list_conversion::RULE,
    &temporary_chain::RULE,
    &quadratic_append::RULE,
    &over_allocation::RULE,
    &view_pins_base::RULE,
    &memory_growth::RULE,
];

/// The rule of a kind.
#[must_use]
pub fn rule(kind: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.kind == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_explained() {
        for rule in RULES {
            for text in
                [rule.title, rule.definition, rule.silent, rule.saved, rule.before, rule.after]
            {
                assert!(!text.trim().is_empty(), "{}", rule.kind);
            }
            assert!(!rule.thresholds.is_empty(), "{}", rule.kind);
            assert!(rule.title.chars().count() <= 60, "{}", rule.title);
            assert!(rule.yields_to.iter().all(|it| super::rule(it.kind).is_some()));
            let is_kebab = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(rule.kind.chars().all(is_kebab));
            let same = RULES.iter().filter(|other| other.kind == rule.kind);
            assert_eq!(same.count(), 1, "{}", rule.kind);
        }
    }
}

//! `npprof rules`: lists the kinds of findings, or explains one.

use npprof_findings::{Amount, RULES, Rule, Settings, SettingsError, rule};
use npprof_report::Style;

use crate::args::RulesArguments;
use crate::console;
use crate::failure::{FAILED, Failure, OrFail, USAGE};
use crate::surroundings::{Stream, style};

/// Columns of running text at most: longer lines are hard to read.
const MAX_COLUMNS: usize = 88;

/// Shows them on standard output.
pub(crate) fn explain(arguments: &RulesArguments) -> Result<u8, Failure> {
    let style = style(Stream::Out, arguments.ascii);
    let text = match &arguments.kind {
        None => list(style),
        Some(kind) => {
            let unknown = || SettingsError::Kind { kind: kind.clone() };
            let rule = rule(kind).ok_or_else(|| Failure::new(USAGE, unknown()))?;
            one(rule, style)
        }
    };
    console::write_out(style.plain(&text).as_bytes()).or_fail(FAILED)?;
    Ok(0)
}

fn list(style: Style) -> String {
    let width = RULES.iter().map(|rule| rule.kind.len()).max().unwrap_or(0);
    let mut text = String::new();
    for rule in RULES {
        let gap = " ".repeat(width - rule.kind.len() + 2);
        text.push_str(&style.bold(rule.kind));
        text.push_str(&gap);
        text.push_str(rule.title);
        text.push('\n');
    }
    text.push_str("\n'npprof rules KIND' explains one.\n");
    text
}

fn one(rule: &Rule, style: Style) -> String {
    let kind = rule.kind;
    let mut lines =
        vec![format!("{}: {}", style.bold(kind), rule.title), String::new(), "Found:".to_owned()];
    let indented = |text: &str| -> Vec<String> {
        let room = style.width.min(MAX_COLUMNS).saturating_sub(2);
        style.fill(text, room).iter().map(|line| format!("  {line}")).collect()
    };
    lines.extend(indented(rule.definition));
    lines.extend(["Not found:".to_owned()]);
    lines.extend(indented(rule.silent));
    lines.push("Saved by the remedy:".to_owned());
    lines.extend(indented(rule.saved));
    for (heading, code) in [("Before:", rule.before), ("Instead:", rule.after)] {
        lines.extend([String::new(), heading.to_owned()]);
        lines.extend(code.lines().map(|line| format!("    {line}")));
    }
    lines.extend([String::new(), "Thresholds:".to_owned()]);
    let settings = Settings::default();
    for threshold in rule.thresholds {
        let amount = settings.amount(rule, threshold.name);
        lines.push(format!("  {:<11} {amount:>8}  {}", threshold.name, threshold.help));
    }
    lines.push(String::new());
    let name = rule.thresholds.first().map_or("bytes", |threshold| threshold.name);
    let amount = rule.thresholds.first().map(|it| settings.amount(rule, it.name));
    let amount = amount.map(typed).unwrap_or_default();
    lines.extend([
        "To set one, for a run or in npprof.toml:".to_owned(),
        format!("    npprof run --threshold {kind}.{name}={amount} …"),
        format!("    [thresholds.{kind}]"),
        format!("    {name} = \"{amount}\""),
        "To silence it on a line of the program:".to_owned(),
        format!("    # npprof: ignore[{kind}]"),
        String::new(),
    ]);
    lines.join("\n")
}

/// As somebody would type it.
fn typed(amount: Amount) -> String {
    amount.to_string().replace(".00 ", "").replace(".0 ", "").replace([' ', ','], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: Style = Style { width: 80, colour: false, ascii: false };

    #[test]
    fn kinds_are_listed_in_a_line_each() {
        insta::assert_snapshot!("rules", list(STYLE));
        assert!(list(STYLE).lines().all(|line| line.len() <= 80));
    }

    #[test]
    fn a_kind_is_explained_with_an_example() {
        insta::assert_snapshot!(
            "rules-temporary-chain",
            one(rule("temporary-chain").unwrap(), STYLE)
        );
    }

    #[test]
    fn what_is_shown_can_be_set() {
        for rule in RULES {
            let text = one(rule, STYLE);
            let set = text.lines().find_map(|line| {
                line.trim().strip_prefix("npprof run --threshold ")?.strip_suffix(" …")
            });
            Settings::default().set_pair(set.unwrap()).unwrap();
            let toml: Vec<_> = text
                .lines()
                .skip_while(|line| !line.contains("[thresholds."))
                .take(2)
                .map(str::trim)
                .collect();
            npprof_findings::read_config(&toml.join("\n"), "x").unwrap();
        }
    }
}

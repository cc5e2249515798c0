//! `npprof report`: shows a report that was written before.

use std::io::{self, IsTerminal};

use npprof_report::json::load_from;
use npprof_report::text::{DEFAULT_FINDINGS, DEFAULT_SITES, SummaryOptions};
use npprof_report::{
    GroupBy, Report, SortKey, TableOptions, findings, folded, load, summary, table,
};

use crate::args::ReportArguments;
use crate::console;
use crate::failure::{FAILED, Failure, OrFail};
use crate::settings;
use crate::surroundings::{Stream, style};

/// Rows of a table unless told otherwise.
const DEFAULT_ROWS: usize = 30;

/// Shows a report on standard output.
pub(crate) fn show(arguments: &ReportArguments) -> Result<u8, Failure> {
    let settings = settings::read(&arguments.kinds, &[])?;
    let mut report = read(arguments)?;
    report.findings.retain(|finding| settings.wants(&finding.kind));
    let style = style(Stream::Out, arguments.ascii);
    let text = if arguments.json {
        report.to_json_string()
    } else if arguments.findings {
        findings(&report, style)
    } else if arguments.folded {
        folded(&report, arguments.sort.unwrap_or(SortKey::HighWater))
    } else if arguments.by.is_some() || arguments.sort.is_some() {
        table(
            &report,
            &TableOptions {
                by: arguments.by.unwrap_or(GroupBy::Line),
                sort: arguments.sort.unwrap_or(SortKey::HighWater),
                n: arguments.n.unwrap_or(DEFAULT_ROWS),
                style,
            },
        )
    } else {
        let path = (!is_stdin(arguments)).then_some(arguments.file.as_path());
        let n_sites = arguments.n.unwrap_or(DEFAULT_SITES);
        let n_findings = DEFAULT_FINDINGS;
        summary(&report, &SummaryOptions { style, path, n_sites, n_findings })
    };
    console::write_out(text.as_bytes()).or_fail(FAILED)?;
    Ok(0)
}

fn read(arguments: &ReportArguments) -> Result<Report, Failure> {
    if !is_stdin(arguments) {
        return load(&arguments.file).or_fail(FAILED);
    }
    if io::stdin().is_terminal() {
        return Err(Failure::new(FAILED, "standard input is a terminal; pipe a report into it"));
    }
    load_from(io::stdin().lock(), "standard input").or_fail(FAILED)
}

fn is_stdin(arguments: &ReportArguments) -> bool {
    arguments.file.as_os_str() == "-"
}

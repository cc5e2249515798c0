//! The eight tabs.

/// A screen that fills what the header leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tab {
    #[default]
    Overview,
    Sites,
    Copies,
    Layout,
    Findings,
    Growth,
    Processes,
    Output,
}

impl Tab {
    /// In the order of their numbers, from 1.
    pub(crate) const ALL: [Self; 8] = [
        Self::Overview,
        Self::Sites,
        Self::Copies,
        Self::Layout,
        Self::Findings,
        Self::Growth,
        Self::Processes,
        Self::Output,
    ];

    /// Its place in [`Tab::ALL`].
    pub(crate) const fn place(self) -> usize {
        self as usize
    }

    /// Where there is room.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Sites => "Call sites",
            Self::Copies => "Copies",
            Self::Layout => "Layout",
            Self::Findings => "Findings",
            Self::Growth => "Growth",
            Self::Processes => "Processes and threads",
            Self::Output => "Output",
        }
    }

    /// Where there is less.
    pub(crate) const fn short(self) -> &'static str {
        match self {
            Self::Sites => "Sites",
            Self::Processes => "Processes",
            other => other.title(),
        }
    }

    /// The tab so many places further, round and round.
    pub(crate) fn step(self, n: usize) -> Self {
        Self::ALL[(self.place() + n) % Self::ALL.len()]
    }

    /// Whether it is a list with its own selection.
    pub(crate) fn has_list(self) -> bool {
        self != Self::Output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabs_go_round() {
        assert_eq!(Tab::Output.step(1), Tab::Overview);
        assert_eq!(Tab::Overview.step(7), Tab::Output);
        for (place, tab) in Tab::ALL.into_iter().enumerate() {
            assert_eq!(tab.place(), place);
        }
    }
}

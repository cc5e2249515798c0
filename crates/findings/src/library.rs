//! What to say when it was an installed package that did it, called by the user's line: nobody can
//! change that code, but what it is given and told can be.

use npprof_model::{Frame, Pattern};

use crate::finding::Value;
use crate::rule::Advice;
use crate::words::{code, plain};

/// The place in a package where something happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Library<'a> {
    /// As it is imported: `matplotlib`.
    name: &'a str,
    /// From the package on: `matplotlib/cbook.py`.
    file: &'a str,
    line: u32,
    function: &'a str,
}

impl<'a> Library<'a> {
    /// Of the frames inside of the user's, innermost first; `None` if that is no package's.
    pub(crate) fn of(frames: &'a [Frame]) -> Option<Self> {
        frames.iter().find_map(|frame| {
            let folders = ["/site-packages/", "/dist-packages/"];
            let (_, file) = folders.iter().find_map(|folder| frame.file.rsplit_once(folder))?;
            let (name, _) = file.split_once(['/', '.'])?;
            Some(Self { name, file, line: frame.line, function: &frame.function })
        })
    }

    /// The same advice for somebody who only calls it.
    pub(crate) fn advise(self, kind: &str, pattern: &Pattern, mut advice: Advice) -> Advice {
        let Self { name, file, line, function } = self;
        let place = format!("{file}:{line} {function}");
        advice.message = format!("{}; this is inside of {}", advice.message, code(&place));
        advice.fix = self.remedy(kind, pattern);
        advice.evidence.push(("package", Value::from(name)));
        advice.evidence.push(("inside", Value::from(place)));
        advice
    }

    fn remedy(self, kind: &str, pattern: &Pattern) -> String {
        let name = self.name;
        match kind {
            "redundant-copy" => format!(
                "It is {name} that copies: see whether what you call takes `copy=False` or the \
                 like, or give it less (a part, a coarser array, a smaller dtype)."
            ),
            "boundary-copy" | "layout-copy" | "implicit-upcast" => match &pattern.result {
                Some(result) => format!(
                    "Give {name} what it turns the array into, {}, if you have several uses for \
                     it: convert once, before the calls; or see whether it can be told to take \
                     the array as it is (`dtype=`, `order=`).",
                    plain(result)
                ),
                None => format!(
                    "Convert the array once, before the calls, to the dtype and order that {name} \
                     works with."
                ),
            },
            "fancy-index-copy" => format!(
                "Where you know the range yourself, slice the array before the call, or in place \
                 of it: `a[start:stop]`; otherwise it is for {name} to change."
            ),
            "list-conversion" => {
                format!("Give {name} an array, `np.asarray(…)` made once, and not the list.")
            }
            "object-dtype" => format!(
                "Give {name} numbers: `to_numpy(dtype=float, na_value=np.nan)` or `astype(float)` \
                 before the call."
            ),
            _ => format!(
                "It is the code of {name}: see whether what you call can work in parts (a chunk or \
                 batch size), or call it for blocks of rows, or give it less (a coarser array, \
                 `float32`)."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(files: &[&str]) -> Option<String> {
        let frame = |file: &&str| Frame { file: (*file).into(), line: 7, function: "f".into() };
        let frames: Vec<Frame> = files.iter().map(frame).collect();
        Library::of(&frames).map(|it| format!("{} {}", it.name, it.file))
    }

    #[test]
    fn the_innermost_package_is_named() {
        let folder = "/venv/lib/python3.12/site-packages";
        let within = |file: &str| format!("{folder}/{file}");
        let (inner, outer) = (within("pandas/core/a.py"), within("seaborn/b.py"));
        assert_eq!(place(&[&inner, &outer]).as_deref(), Some("pandas pandas/core/a.py"));
        // A module of the standard library between the two.
        assert_eq!(
            place(&["/usr/lib/python3.12/copy.py", &outer]).as_deref(),
            Some("seaborn seaborn/b.py")
        );
        assert_eq!(place(&[&within("six.py")]).as_deref(), Some("six six.py"));
        assert_eq!(place(&["/usr/lib/python3.12/copy.py"]), None);
        assert_eq!(place(&[]), None);
    }
}

//! Definitions: what the numbers in a process's records stand for.

use std::sync::Arc;

use npprof_model::{Hook, HookState, SourceText};
use npprof_wire::decode::text_bytes;
use npprof_wire::record::Fact;
use rustc_hash::FxHashMap;

use crate::aggregate::names::{Classes, classes};
use crate::aggregate::operations::class::Class;
use crate::error::StreamError;
use crate::symbolize::{Symbol, Symbols};

const MAX_CODES: usize = 1 << 20;
/// Bytes of the names of code objects and of their files, each counted once.
const MAX_STRING_BYTES: usize = 256 << 20;
/// Bytes of source text that only the process has.
const MAX_SOURCE_BYTES: usize = 4 << 20;
/// Operations with different names; the shim has half as many.
const MAX_OPERATIONS: usize = 1 << 13;
const MAX_HOOKS: usize = 64;
const MAX_NOTICES: usize = 64;

/// To whom a code object belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The program under test.
    User,
    /// A package that isn't NumPy.
    Package,
    /// NumPy, the standard library or the interpreter.
    Interpreter,
}

/// A code object; strings by their number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Code {
    pub(crate) file: u32,
    pub(crate) function: u32,
    pub(crate) owner: Owner,
    /// It is a whole file of compiled code; `function` says nothing.
    pub(crate) is_compiled: bool,
}

/// A dtype.
#[derive(Clone, Debug)]
pub(crate) struct Dtype {
    pub(crate) name: Arc<str>,
    pub(crate) itemsize: u64,
}

/// Strings, each once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Strings {
    all: Vec<Arc<str>>,
    by_text: FxHashMap<Arc<str>, u32>,
    n_bytes: usize,
}

impl Strings {
    pub(crate) fn number(&mut self, text: &str) -> u32 {
        if let Some(&number) = self.by_text.get(text) {
            return number;
        }
        let text: Arc<str> = text.into();
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.n_bytes += text.len();
        self.all.push(Arc::clone(&text));
        self.by_text.insert(text, number);
        number
    }

    pub(crate) fn get(&self, number: u32) -> Arc<str> {
        self.all.get(number as usize).map_or_else(|| "".into(), Arc::clone)
    }
}

/// What a process said about itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) python: Option<Arc<str>>,
    pub(crate) numpy: Option<Arc<str>>,
    pub(crate) stdlib: Option<String>,
    executable: Option<String>,
    pub(crate) hooks: Vec<Hook>,
    pub(crate) notices: Vec<String>,
}

impl Facts {
    fn add(&mut self, fact: Fact, text: String) {
        match fact {
            Fact::PythonVersion => self.python = Some(text.into()),
            Fact::NumpyVersion => self.numpy = Some(text.into()),
            Fact::StdlibFolder => {
                let folder = text.trim_end_matches('/');
                self.stdlib = (!folder.is_empty()).then(|| format!("{folder}/"));
            }
            Fact::Hook => self.add_hook(&text),
            Fact::Notice => self.notice(text),
            Fact::Executable => self.executable = Some(text),
        }
    }

    /// Whether it is known that NumPy is of this version, `(major, minor)`, or a later one.
    pub(crate) fn is_numpy_from(&self, version: (u32, u32)) -> bool {
        let mut parts = self.numpy.as_deref().unwrap_or("").split('.').map(str::parse::<u32>);
        match (parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= version,
            _ => false,
        }
    }

    /// Takes in a line for the user, once.
    pub(crate) fn notice(&mut self, text: String) {
        if self.notices.len() < MAX_NOTICES && !self.notices.contains(&text) {
            self.notices.push(text);
        }
    }

    /// `name=on` or `name=off: reason`.
    fn add_hook(&mut self, text: &str) {
        let (name, state) = text.split_once('=').unwrap_or((text, ""));
        let state = if state == "on" {
            HookState::On
        } else {
            let reason = state.strip_prefix("off").unwrap_or(state);
            HookState::Off(reason.trim_start_matches([':', ' ']).into())
        };
        if let Some(hook) = self.hooks.iter_mut().find(|hook| &*hook.name == name) {
            hook.state = state;
        } else if self.hooks.len() < MAX_HOOKS {
            self.hooks.push(Hook { name: name.into(), state });
        }
    }
}

/// Everything that a process has defined, except its stacks and threads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Definitions {
    pub(crate) strings: Strings,
    codes: FxHashMap<u32, Code>,
    /// Functions of compiled code, by the strings of their file and name: the number of each as a code object.
    compiled: FxHashMap<(u32, u32), u32>,
    symbols: Symbols,
    dtypes: FxHashMap<u16, Dtype>,
    /// By number; empty where there is none.
    operations: Vec<Arc<str>>,
    /// What sort each of them is, beside each other for a quick look.
    classes: Vec<Classes>,
    n_operations: usize,
    /// Texts that only the process has, by the string of their file, in the order in which they came.
    sources: Vec<(u32, String)>,
    n_source_bytes: usize,
    pub(crate) facts: Facts,
}

impl Definitions {
    /// Bytes that a copy takes, about, without the strings, which it shares.
    pub(crate) fn n_bytes(&self) -> usize {
        let of_string = 2 * size_of::<Arc<str>>() + size_of::<u32>();
        self.strings.all.len() * of_string
            + self.codes.len() * size_of::<(u32, Code)>()
            + self.n_source_bytes
    }

    pub(crate) fn code(&self, code: u32) -> Option<Code> {
        self.codes.get(&code).copied()
    }

    pub(crate) fn dtype(&self, dtype: u16) -> Option<&Dtype> {
        self.dtypes.get(&dtype)
    }

    pub(crate) fn define_code(
        &mut self,
        code: u32,
        file: &str,
        function: &str,
    ) -> Result<(), StreamError> {
        if self.codes.len().max(self.strings.all.len() / 2) >= MAX_CODES {
            return Err(StreamError::TooMany { what: "code objects", max: MAX_CODES });
        }
        if self.strings.n_bytes >= MAX_STRING_BYTES {
            return Err(StreamError::TooMany { what: "bytes of names", max: MAX_STRING_BYTES });
        }
        let is_compiled = function.is_empty();
        // The loader has no name for the program itself.
        let program = self.facts.executable.clone().filter(|_| is_compiled && file.is_empty());
        let file = program.as_deref().unwrap_or(file);
        let owner = if is_compiled {
            owner_of_compiled(file)
        } else {
            owner(file, self.facts.stdlib.as_deref())
        };
        let (file, function) = (self.strings.number(file), self.strings.number(function));
        self.codes.insert(code, Code { file, function, owner, is_compiled });
        Ok(())
    }

    /// The code object and line of a place in compiled code, which is `code` at `address`; those that are
    /// given for any other code object.
    pub(crate) fn symbolize(&mut self, (code, line, address): (u32, u32, u32)) -> (u32, u32) {
        let Some(whole) = self.code(code).filter(|code| code.is_compiled) else {
            return (code, line);
        };
        let file = self.strings.get(whole.file);
        let Symbol { function, line: place } = self.symbols.look_up(&file, address);
        if self.codes.len() >= MAX_CODES || self.strings.n_bytes >= MAX_STRING_BYTES {
            return (code, 0);
        }
        let (file, line) = match place {
            Some((source, line)) => (self.strings.number(&source), line),
            None => (whole.file, 0),
        };
        let function = self.strings.number(&function);
        // Away from the numbers that the process gives.
        let number = u32::MAX - u32::try_from(self.compiled.len()).unwrap_or(0);
        let number = *self.compiled.entry((file, function)).or_insert(number);
        self.codes.insert(number, Code { file, function, owner: whole.owner, is_compiled: false });
        (number, line)
    }

    pub(crate) fn define_dtype(&mut self, dtype: u16, itemsize: u32, name: String) {
        self.dtypes.insert(dtype, Dtype { name: name.into(), itemsize: itemsize.into() });
    }

    /// The name of an operation, if it was defined.
    pub(crate) fn operation(&self, operation: u16) -> Option<&Arc<str>> {
        self.operations.get(usize::from(operation)).filter(|name| !name.is_empty())
    }

    /// The name of an operation, also if it was not defined.
    pub(crate) fn operation_name(&self, operation: u16) -> Arc<str> {
        self.operation(operation).map_or_else(|| "unknown operation".into(), Arc::clone)
    }

    /// What sort of operation it is.
    #[inline]
    pub(crate) fn operation_class(&self, operation: u16) -> Class {
        self.operation_classes(operation).ledger
    }

    /// What sort of operation it is, to the ledger and to patterns.
    #[inline]
    pub(crate) fn operation_classes(&self, operation: u16) -> Classes {
        self.classes.get(usize::from(operation)).copied().unwrap_or_default()
    }

    pub(crate) fn define_operation(
        &mut self,
        operation: u16,
        name: String,
    ) -> Result<(), StreamError> {
        if self.n_operations >= MAX_OPERATIONS {
            return Err(StreamError::TooMany { what: "operations", max: MAX_OPERATIONS });
        }
        self.n_operations += 1;
        let place = usize::from(operation);
        if self.operations.len() <= place {
            self.operations.resize(place + 1, "".into());
            self.classes.resize(place + 1, Classes::default());
        }
        self.classes[place] = classes(&name);
        self.operations[place] = name.into();
        Ok(())
    }

    /// Takes in the next line of a code object's file; others are passed over.
    pub(crate) fn define_source(&mut self, code: u32, line: u32, text: &str) {
        let Some(file) = self.code(code).map(|code| code.file) else { return };
        if self.n_source_bytes + text.len() >= MAX_SOURCE_BYTES {
            return;
        }
        if line == 1 && self.sources.iter().all(|(other, _)| *other != file) {
            self.sources.push((file, String::new()));
        }
        if let Some((_, known)) = self.sources.last_mut().filter(|(other, _)| *other == file) {
            known.push_str(text);
            known.push('\n');
            self.n_source_bytes += text.len() + 1;
        }
    }

    /// How much there is of [`Self::sources`].
    pub(crate) fn n_source_bytes(&self) -> usize {
        self.n_source_bytes
    }

    /// Texts that only the process has.
    pub(crate) fn sources(&self) -> impl Iterator<Item = SourceText> {
        let of = |(file, text): &(u32, String)| SourceText {
            file: self.strings.get(*file),
            text: text.as_str().into(),
        };
        self.sources.iter().map(of)
    }

    pub(crate) fn define_fact(&mut self, fact: Fact, text: String) {
        self.facts.add(fact, text);
    }
}

/// The text of a record, which may be no UTF-8 where a file name isn't.
pub(crate) fn text(words: &[u64], n_bytes: u32) -> String {
    let bytes: Vec<u8> = text_bytes(words, n_bytes).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn owner(file: &str, stdlib: Option<&str>) -> Owner {
    let packages = ["/site-packages/", "/dist-packages/"];
    // The innermost such folder counts: a virtual environment may be inside another one.
    let inside = packages.iter().filter_map(|folder| Some(file.rfind(folder)? + folder.len()));
    if let Some(inside) = inside.max().and_then(|at| file.get(at..)) {
        return if inside.starts_with("numpy/") { Owner::Interpreter } else { Owner::Package };
    }
    if file.starts_with("<frozen ") || file.starts_with("<__array_function__") {
        return Owner::Interpreter;
    }
    match stdlib {
        Some(stdlib) if file.starts_with(stdlib) => Owner::Interpreter,
        _ => Owner::User,
    }
}

/// To whom a file with compiled code belongs.
fn owner_of_compiled(file: &str) -> Owner {
    const LIBRARIES: [&str; 7] =
        ["libpython", "libc.", "libm.", "libpthread.", "libgcc_s.", "libstdc++.", "ld-linux"];
    const FOLDERS: [&str; 4] = ["/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/"];
    let name = file.rsplit('/').next().unwrap_or(file);
    let is_interpreter = name.starts_with("python") || file.contains("/lib-dynload/");
    match owner(file, None) {
        Owner::User
            if is_interpreter
                || LIBRARIES.iter().any(|library| name.starts_with(library))
                || FOLDERS.iter().any(|folder| file.starts_with(folder)) =>
        {
            Owner::Interpreter
        }
        owner => owner,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_belong_to_the_user_unless_they_are_installed() {
        let check = |file, expected| {
            assert_eq!(owner(file, Some("/usr/lib/python3.11/")), expected, "{file}");
        };
        check("/home/u/fit.py", Owner::User);
        check("fit.py", Owner::User);
        check("<string>", Owner::User);
        check("<ipython-input-1-abc>", Owner::User);
        check("/home/u/numpy/fit.py", Owner::User);
        check("/usr/lib/python3.110/fit.py", Owner::User);
        check("/usr/lib/python3.11/json/decoder.py", Owner::Interpreter);
        check("<frozen importlib._bootstrap>", Owner::Interpreter);
        check("<__array_function__ internals>", Owner::Interpreter);
        check("/usr/lib/python3.11/site-packages/pandas/core.py", Owner::Package);
        check("/usr/lib/python3/dist-packages/scipy/fft.py", Owner::Package);
        check("/v/lib/python3.11/site-packages/numpy/_core/numeric.py", Owner::Interpreter);
        check("/v/site-packages/numpy_financial/irr.py", Owner::Package);
    }

    #[test]
    fn compiled_code_belongs_to_the_user_unless_it_is_installed() {
        let check = |file, expected| assert_eq!(owner_of_compiled(file), expected, "{file}");
        check("/home/u/build/solver.so", Owner::User);
        check("/home/u/embed", Owner::User);
        check("./solver.so", Owner::User);
        check("/usr/bin/python3.11", Owner::Interpreter);
        check("/opt/py/lib/libpython3.12.so.1.0", Owner::Interpreter);
        check("/opt/py/lib/python3.12/lib-dynload/_ctypes.so", Owner::Interpreter);
        check("/lib/x86_64-linux-gnu/libc.so.6", Owner::Interpreter);
        check("/opt/conda/lib/libstdc++.so.6", Owner::Interpreter);
        check("/v/site-packages/numpy/_core/_multiarray_umath.so", Owner::Interpreter);
        check("/usr/lib/python3/dist-packages/scipy/x.so", Owner::Package);
    }

    #[test]
    fn a_place_in_compiled_code_becomes_a_code_object_of_its_own() {
        let mut definitions = Definitions::default();
        definitions.define_code(1, "/home/u/nothing.so", "").expect("room");
        definitions.define_code(2, "/home/u/fit.py", "fit").expect("room");
        assert_eq!(definitions.symbolize((2, 7, 16)), (2, 7));
        assert_eq!(definitions.symbolize((3, 7, 16)), (3, 7));
        let (number, line) = definitions.symbolize((1, 0, 16));
        let code = definitions.code(number).expect("is known");
        assert_eq!((&*definitions.strings.get(code.function), line), ("0x10", 0));
        assert_eq!(code.owner, Owner::User);
        assert_eq!(definitions.symbolize((1, 0, 16)), (number, 0));
        assert_ne!(definitions.symbolize((1, 0, 17)), (number, 0));
        definitions.define_fact(Fact::Executable, "/home/u/embed".to_owned());
        definitions.define_code(4, "", "").expect("room");
        let (number, _) = definitions.symbolize((4, 0, 16));
        let file = definitions.code(number).expect("is known").file;
        assert_eq!(&*definitions.strings.get(file), "/home/u/embed");
    }

    #[test]
    fn source_texts_are_put_together_line_by_line_and_have_a_limit() {
        let mut definitions = Definitions::default();
        definitions.define_code(1, "<cell 1>", "<module>").expect("room");
        definitions.define_code(2, "<cell 2>", "f").expect("room");
        definitions.define_source(3, 1, "of no code object");
        definitions.define_source(1, 2, "before its first line");
        for (code, line, text) in
            [(1, 1, "a = 1"), (1, 2, ""), (1, 3, "b"), (2, 1, "c"), (1, 1, "again")]
        {
            definitions.define_source(code, line, text);
        }
        let told = |definitions: &Definitions| -> Vec<_> {
            definitions.sources().map(|one| format!("{}: {}", one.file, one.text)).collect()
        };
        assert_eq!(told(&definitions), ["<cell 1>: a = 1\n\nb\n", "<cell 2>: c\n"]);
        let n_bytes = definitions.n_source_bytes();
        definitions.define_source(2, 2, &"x".repeat(MAX_SOURCE_BYTES));
        assert_eq!(definitions.n_source_bytes(), n_bytes);
    }

    #[test]
    fn hooks_are_on_or_off_for_a_reason_and_the_latest_word_counts() {
        let mut facts = Facts::default();
        for text in ["allocator=on", "layout=on", "layout=off: NumPy 9 is not known", "stacks=off"]
        {
            facts.add(Fact::Hook, text.to_owned());
        }
        let shown: Vec<_> = facts.hooks.iter().map(|hook| (&*hook.name, &hook.state)).collect();
        assert_eq!(
            shown,
            [
                ("allocator", &HookState::On),
                ("layout", &HookState::Off("NumPy 9 is not known".into())),
                ("stacks", &HookState::Off("".into())),
            ]
        );
    }
}

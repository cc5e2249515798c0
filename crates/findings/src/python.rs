//! A light reading of one line of Python: enough to quote the user's own expressions.
//!
//! It knows names, brackets, strings and operators, and no more. What it can't be sure of is
//! `None`; a line that is part of a longer statement gives what stands in it completely.

/// A line of source, in tokens.
#[derive(Clone, Debug)]
pub(crate) struct Line<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    /// All brackets are closed.
    is_whole: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Name,
    Keyword,
    Literal,
    Open,
    Close,
    Operator,
}

#[derive(Clone, Copy, Debug)]
struct Token {
    kind: Kind,
    start: usize,
    end: usize,
    /// Of a bracket: the other one.
    partner: Option<usize>,
}

/// `receiver.name(arguments)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call<'a> {
    /// All of it.
    pub whole: &'a str,
    /// What stands before the last dot, if there is one.
    pub receiver: Option<&'a str>,
    pub name: &'a str,
    pub arguments: Vec<Argument<'a>>,
    /// Inside the parentheses.
    inside: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Argument<'a> {
    /// Of a keyword argument.
    pub name: Option<&'a str>,
    pub value: &'a str,
}

/// `base[item, item]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscript<'a> {
    /// All of it.
    pub whole: &'a str,
    pub base: &'a str,
    pub items: Vec<&'a str>,
}

const KEYWORDS: [&str; 25] = [
    "and", "as", "assert", "async", "await", "def", "del", "elif", "else", "except", "for", "from",
    "if", "import", "in", "is", "lambda", "not", "or", "raise", "return", "while", "with", "yield",
    "global",
];

const OPERATORS: [&str; 22] = [
    "**=", "//=", ">>=", "<<=", "...", "**", "//", "->", ":=", "==", "!=", "<=", ">=", "+=", "-=",
    "*=", "/=", "%=", "&=", "|=", "^=", "@=",
];

impl<'a> Line<'a> {
    /// `None` when the text can't be read with certainty: strings that go on, brackets that do not
    /// match, text that was cut.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut tokens: Vec<Token> = Vec::new();
        let mut open = Vec::new();
        let mut is_whole = true;
        let mut at = 0;
        while let Some(c) = text.get(at..)?.chars().next() {
            let rest = text.get(at..)?;
            if c == '#' {
                break;
            }
            if c.is_whitespace() {
                at += c.len_utf8();
                continue;
            }
            let (kind, length) = token(rest)?;
            let mut partner = None;
            if kind == Kind::Open {
                open.push(tokens.len());
            } else if kind == Kind::Close {
                match open.pop() {
                    Some(place) => {
                        let opened = tokens.get(place)?;
                        if !matches!(
                            (text.get(opened.start..opened.end)?, c),
                            ("(", ')') | ("[", ']') | ("{", '}')
                        ) {
                            return None;
                        }
                        let own = tokens.len();
                        tokens.get_mut(place)?.partner = Some(own);
                        partner = Some(place);
                    }
                    None => is_whole = false,
                }
            }
            tokens.push(Token { kind, start: at, end: at + length, partner });
            at += length;
        }
        is_whole &= open.is_empty();
        Some(Self { text, tokens, is_whole })
    }

    /// The only call of something with one of these names.
    pub(crate) fn call(&self, names: &[&str]) -> Option<Call<'a>> {
        let mut calls = self.calls().filter(|call| names.contains(&call.name));
        let call = calls.next()?;
        // Of two it could be either; and what is passed with a star is not known.
        let is_certain = calls.next().is_none()
            && call.arguments.iter().all(|argument| !argument.value.starts_with('*'));
        is_certain.then_some(call)
    }

    fn calls(&self) -> impl Iterator<Item = Call<'a>> {
        (1..self.tokens.len()).filter_map(|open| self.call_at(open))
    }

    fn call_at(&self, open: usize) -> Option<Call<'a>> {
        if self.word(open) != "(" {
            return None;
        }
        let close = self.tokens.get(open)?.partner?;
        let last = open.checked_sub(1)?;
        if self.tokens.get(last)?.kind != Kind::Name {
            return None;
        }
        let start = self.primary_until(last)?;
        if start
            .checked_sub(1)
            .is_some_and(|before| ["def", "class", "@"].contains(&self.word(before)))
        {
            return None;
        }
        let receiver =
            if last > start { Some(self.between(start, last.checked_sub(2)?)?) } else { None };
        Some(Call {
            whole: self.between(start, close)?,
            receiver,
            name: self.word(last),
            arguments: self.arguments(open, close)?,
            inside: self
                .text
                .get(self.tokens.get(open)?.end..self.tokens.get(close)?.start)?
                .trim(),
        })
    }

    fn arguments(&self, open: usize, close: usize) -> Option<Vec<Argument<'a>>> {
        let mut arguments = Vec::new();
        for (first, last) in self.items(open, close)? {
            let is_named = first < last
                && self.tokens.get(first)?.kind == Kind::Name
                && self.word(first + 1) == "=";
            arguments.push(if is_named {
                let value = self.between(first + 2, last)?;
                Argument { name: Some(self.word(first)), value }
            } else {
                Argument { name: None, value: self.between(first, last)? }
            });
        }
        Some(arguments)
    }

    /// First and last token of what commas separate in brackets. A generator is one item.
    fn items(&self, open: usize, close: usize) -> Option<Vec<(usize, usize)>> {
        let mut items = Vec::new();
        let mut first = open + 1;
        let mut at = first;
        while at < close {
            if self.word(at) == "," {
                if at == first {
                    return None;
                }
                items.push((first, at - 1));
                first = at + 1;
            }
            at = self.tokens.get(at)?.partner.filter(|&partner| partner > at).unwrap_or(at) + 1;
        }
        if first < close {
            items.push((first, close - 1));
        }
        Some(items)
    }

    /// Everything that is indexed and read, not assigned to.
    pub(crate) fn subscripts(&self) -> Vec<Subscript<'a>> {
        let assigned = self.assignment_place();
        (1..self.tokens.len())
            .filter_map(|open| {
                let close = self.tokens.get(open)?.partner.filter(|&close| close > open)?;
                if self.word(open) != "[" || assigned.is_some_and(|place| close < place) {
                    return None;
                }
                let start = self.primary_until(open - 1)?;
                let items = self.items(open, close)?;
                let items = items.into_iter().map(|(first, last)| self.between(first, last));
                Some(Subscript {
                    whole: self.between(start, close)?,
                    base: self.between(start, open - 1)?,
                    items: items.collect::<Option<_>>()?,
                })
            })
            .collect()
    }

    /// `target` and `value` of `target = value`.
    pub(crate) fn assignment(&self) -> Option<(&'a str, &'a str)> {
        let place = self.assignment_place()?;
        let last = self.tokens.len().checked_sub(1)?;
        if !self.is_whole || self.primary_from(0)? + 1 != place || place == last {
            return None;
        }
        Some((self.between(0, place - 1)?, self.between(place + 1, last)?))
    }

    /// The only `=` outside of brackets.
    fn assignment_place(&self) -> Option<usize> {
        let mut at = 0;
        let mut found = None;
        while let Some(token) = self.tokens.get(at) {
            if self.word(at) == "=" {
                if found.is_some() {
                    return None;
                }
                found = Some(at);
            }
            at = token.partner.filter(|&partner| partner > at).unwrap_or(at) + 1;
        }
        found.filter(|&place| place > 0)
    }

    /// No comma, `=` or `for` stands outside of brackets, and all of these are closed.
    pub(crate) fn is_one_expression(&self) -> bool {
        let mut at = 0;
        while let Some(token) = self.tokens.get(at) {
            if [",", "=", "for", ":=", "*", "**"].contains(&self.word(at))
                && token.partner.is_none()
            {
                let is_operator = at > 0 && self.word(at).starts_with('*');
                if !is_operator {
                    return false;
                }
            }
            at = token.partner.filter(|&partner| partner > at).unwrap_or(at) + 1;
        }
        self.is_whole && !self.tokens.is_empty()
    }

    /// What the line gives to a name or returns.
    pub(crate) fn value(&self) -> Option<&'a str> {
        if self.word(0) == "return" {
            let last = self.tokens.len().checked_sub(1).filter(|&last| last > 0)?;
            return if self.is_whole { self.between(1, last) } else { None };
        }
        self.assignment().map(|(_, value)| value)
    }

    /// Both sides of the only `operator` of the line, where nothing binds closer.
    pub(crate) fn binary(&self, operator: &str) -> Option<(&'a str, &'a str)> {
        let mut places = (0..self.tokens.len()).filter(|&at| self.word(at) == operator);
        let place = places.next()?;
        if places.next().is_some() || place == 0 {
            return None;
        }
        let first = self.primary_until(place - 1)?;
        let last = self.primary_from(place + 1)?;
        let is_free = |place: Option<usize>| {
            place.and_then(|place| self.tokens.get(place)).is_none_or(|token| {
                let word = self.text.get(token.start..token.end).unwrap_or_default();
                matches!(token.kind, Kind::Open | Kind::Close | Kind::Keyword)
                    || ["=", ",", ":", ";"].contains(&word)
            })
        };
        // A bracket after the right side would belong to it, had it not been read as part of it.
        if !is_free(first.checked_sub(1)) || !is_free(Some(last + 1)) {
            return None;
        }
        Some((self.between(first, place - 1)?, self.between(place + 1, last)?))
    }

    /// The name stands somewhere.
    pub(crate) fn mentions(&self, name: &str) -> bool {
        (0..self.tokens.len()).any(|at| self.word(at) == name)
    }

    /// `scale * a @ x`: a product of arrays that is scaled before it is made.
    pub(crate) fn scales_before_matmul(&self) -> bool {
        (1..self.tokens.len()).any(|at| {
            self.word(at) == "*"
                && self.primary_until(at - 1).is_some()
                && self.primary_from(at + 1).is_some_and(|last| self.word(last + 1) == "@")
        })
    }

    /// Where the name, call or subscript that ends at this token begins.
    fn primary_until(&self, last: usize) -> Option<usize> {
        let mut at = last;
        loop {
            let token = self.tokens.get(at)?;
            let start = match token.kind {
                Kind::Name | Kind::Literal => at,
                Kind::Close => token.partner?,
                _ => return None,
            };
            let Some(before) = start.checked_sub(1) else { return Some(start) };
            let previous = self.tokens.get(before)?;
            if self.word(before) == "." {
                at = before.checked_sub(1)?;
            } else if token.kind == Kind::Close
                && matches!(previous.kind, Kind::Name | Kind::Close | Kind::Literal)
                && self.word(start) != "{"
            {
                at = before;
            } else {
                return Some(start);
            }
        }
    }

    /// Where the name, call or subscript that begins at this token ends.
    fn primary_from(&self, first: usize) -> Option<usize> {
        let token = self.tokens.get(first)?;
        let mut last = match token.kind {
            Kind::Name | Kind::Literal => first,
            Kind::Open => token.partner?,
            _ => return None,
        };
        loop {
            match self.word(last + 1) {
                "." if self.tokens.get(last + 2).is_some_and(|it| it.kind == Kind::Name) => {
                    last += 2;
                }
                "(" | "[" => last = self.tokens.get(last + 1)?.partner?,
                _ => return Some(last),
            }
        }
    }

    fn word(&self, at: usize) -> &'a str {
        self.tokens.get(at).and_then(|token| self.text.get(token.start..token.end)).unwrap_or("")
    }

    fn between(&self, first: usize, last: usize) -> Option<&'a str> {
        self.text.get(self.tokens.get(first)?.start..self.tokens.get(last)?.end)
    }
}

impl<'a> Call<'a> {
    /// The argument with this name, or else the one at this place.
    pub(crate) fn argument(&self, place: usize, name: &str) -> Option<&'a str> {
        let named = self.arguments.iter().find(|argument| argument.name == Some(name));
        let at = self.arguments.get(place).filter(|argument| argument.name.is_none());
        named.or(at).map(|argument| argument.value)
    }

    /// Whether a keyword argument has this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.arguments.iter().any(|argument| argument.name == Some(name))
    }

    /// How many arguments have no name.
    pub(crate) fn n_positional(&self) -> usize {
        self.arguments.iter().filter(|argument| argument.name.is_none()).count()
    }

    /// The call with one more argument.
    pub(crate) fn with(&self, argument: &str) -> String {
        let head = self.head();
        let inside = self.inside.trim_end_matches(',').trim_end();
        let comma = if inside.is_empty() { "" } else { ", " };
        format!("{head}({inside}{comma}{argument})")
    }

    /// The call of another function of the same module or object.
    pub(crate) fn renamed(&self, name: &str) -> String {
        let dot = if self.receiver.is_some() { "." } else { "" };
        format!("{}{dot}{name}({})", self.receiver.unwrap_or_default(), self.inside)
    }

    /// NumPy, as the user calls it, is what this is called on.
    pub(crate) fn is_of_numpy(&self) -> bool {
        self.receiver.is_none_or(|receiver| ["np", "numpy", "_np"].contains(&receiver))
    }

    fn head(&self) -> String {
        let dot = if self.receiver.is_some() { "." } else { "" };
        format!("{}{dot}{}", self.receiver.unwrap_or_default(), self.name)
    }
}

/// Only names and dots.
pub(crate) fn is_path(text: &str) -> bool {
    text.split('.').all(|part| {
        let mut chars = part.chars();
        chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
            && chars.all(|c| c.is_alphanumeric() || c == '_')
    })
}

/// The kind of the token at the start, and its bytes.
fn token(rest: &str) -> Option<(Kind, usize)> {
    let c = rest.chars().next()?;
    match c {
        '(' | '[' | '{' => return Some((Kind::Open, 1)),
        ')' | ']' | '}' => return Some((Kind::Close, 1)),
        '"' | '\'' => return string(rest).map(|length| (Kind::Literal, length)),
        _ => {}
    }
    if c.is_alphabetic() || c == '_' {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let word = rest.get(..end)?;
        let after = rest.get(end..)?;
        let is_prefix = word.len() <= 2 && word.chars().all(|c| "rRbBfFuUtT".contains(c));
        if is_prefix && after.starts_with(['"', '\'']) {
            return string(after).map(|length| (Kind::Literal, end + length));
        }
        let is_keyword = KEYWORDS.contains(&word) || word == "class";
        return Some((if is_keyword { Kind::Keyword } else { Kind::Name }, end));
    }
    let is_number =
        c.is_ascii_digit() || (c == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()));
    if is_number {
        return Some((Kind::Literal, number(rest)));
    }
    let operator = OPERATORS.iter().find(|operator| rest.starts_with(**operator));
    if let Some(operator) = operator {
        return Some((Kind::Operator, operator.len()));
    }
    "+-*/%@&|^~<>=.,:;!".contains(c).then_some((Kind::Operator, 1))
}

fn number(rest: &str) -> usize {
    let mut before = '0';
    let is_hex = rest.starts_with("0x") || rest.starts_with("0X");
    let end = rest.find(|c: char| {
        let is_sign = (c == '+' || c == '-') && (before == 'e' || before == 'E') && !is_hex;
        let goes_on = c.is_ascii_alphanumeric() || c == '.' || c == '_' || is_sign;
        before = c;
        !goes_on
    });
    end.unwrap_or(rest.len())
}

/// Bytes of the string at the start; `None` when it does not end, or goes over lines.
fn string(rest: &str) -> Option<usize> {
    let quote = rest.chars().next()?;
    if rest.starts_with("\"\"\"") || rest.starts_with("'''") {
        let end = rest.get(3..)?.find(rest.get(..3)?)?;
        return Some(end + 6);
    }
    let mut is_escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if !is_escaped && c == quote {
            return Some(at + 1);
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    None
}

/// The kinds that a `# npprof: ignore` on the line silences: `None` when there is none, an empty
/// list for all kinds.
pub(crate) fn ignored(text: &str) -> Option<Vec<&str>> {
    let mut at = 0;
    while let Some(c) = text.get(at..)?.chars().next() {
        if c == '#' {
            return ignored_in(text.get(at..)?);
        }
        // A string that does not end hides nothing that could be found with certainty; the comment
        // is looked for all the same, as its words are unlikely to mean anything else.
        at += match c {
            '"' | '\'' => string(text.get(at..)?).unwrap_or(c.len_utf8()),
            _ => c.len_utf8(),
        };
    }
    None
}

fn ignored_in(comment: &str) -> Option<Vec<&str>> {
    comment.split('#').find_map(|part| {
        let rest = part.trim().strip_prefix("npprof:")?.trim_start().strip_prefix("ignore")?;
        let rest = rest.trim_start();
        match rest.strip_prefix('[') {
            Some(kinds) => {
                let kinds = kinds.split_once(']')?.0;
                Some(kinds.split(',').map(str::trim).filter(|kind| !kind.is_empty()).collect())
            }
            None if rest.is_empty() || !rest.starts_with(|c: char| c.is_alphanumeric()) => {
                Some(Vec::new())
            }
            None => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(text: &str, name: &str) -> Option<String> {
        let line = Line::parse(text)?;
        let call = line.call(&[name])?;
        let receiver = call.receiver.unwrap_or("-");
        let arguments: Vec<String> = call
            .arguments
            .iter()
            .map(|it| {
                format!("{}{}", it.name.map(|it| format!("{it}:")).unwrap_or_default(), it.value)
            })
            .collect();
        Some(format!("{} | {receiver} | {}", call.whole, arguments.join(" ; ")))
    }

    fn check_call(text: &str, name: &str, expected: Option<&str>) {
        assert_eq!(call(text, name).as_deref(), expected, "{text}");
    }

    #[test]
    fn calls_are_found_with_receiver_and_arguments() {
        check_call(
            "dataset[name] = raw[name].astype(dtype)  #@ copy1",
            "astype",
            Some("raw[name].astype(dtype) | raw[name] | dtype"),
        );
        check_call(
            "x = np.append(x, f(y, 2), axis=0)",
            "append",
            Some("np.append(x, f(y, 2), axis=0) | np | x ; f(y, 2) ; axis:0"),
        );
        check_call("return (a + b).copy()", "copy", Some("(a + b).copy() | (a + b) | "));
        check_call("y = copy(x)", "copy", Some("copy(x) | - | x"));
        check_call("s = 'copy(' + x.copy()", "copy", Some("x.copy() | x | "));
        check_call(
            "a = f(x)[0].g(1).copy()",
            "copy",
            Some("f(x)[0].g(1).copy() | f(x)[0].g(1) | "),
        );
        check_call("if copy(x): y = [x for x in z]", "copy", Some("copy(x) | - | x"));
    }

    #[test]
    fn what_is_not_certain_is_not_found() {
        check_call("a = x.copy() + y.copy()", "copy", None);
        check_call("x = np.append(", "append", None);
        check_call("x = np.append(*both)", "append", None);
        check_call("x = np.append(x, **options)", "append", None);
        check_call("def copy(self):", "copy", None);
        check_call("x = 'never ends + x.copy()", "copy", None);
        check_call("x = (a]", "copy", None);
        check_call("# x.copy()", "copy", None);
        check_call("x = a.copy() ?", "copy", None);
        check_call("    pixels, np.copy(values))", "copy", Some("np.copy(values) | np | values"));
    }

    #[test]
    fn calls_are_written_anew() {
        let line = Line::parse("a = np.array(rows , )").unwrap();
        let call = line.call(&["array"]).unwrap();
        assert_eq!(call.with("dtype=float"), "np.array(rows, dtype=float)");
        assert_eq!(call.arguments.len(), 1);
        let line = Line::parse("b = self.a.flatten()").unwrap();
        let call = line.call(&["flatten"]).unwrap();
        assert_eq!(call.renamed("ravel"), "self.a.ravel()");
        assert_eq!(call.with("'F'"), "self.a.flatten('F')");
    }

    fn check_binary(text: &str, operator: &str, expected: Option<(&str, &str)>) {
        let line = Line::parse(text);
        assert_eq!(line.as_ref().and_then(|line| line.binary(operator)), expected, "{text}");
    }

    #[test]
    fn sides_of_an_operator_are_quoted_only_where_nothing_binds_closer() {
        check_binary(
            "return self.frames(audio) * self.window  #@ upcast",
            "*",
            Some(("self.frames(audio)", "self.window")),
        );
        check_binary("y = np.sum(a / b[0])", "/", Some(("a", "b[0]")));
        check_binary("y = a * b ** 2", "*", None);
        check_binary("y = a * b + c", "*", None);
        check_binary("y = -a * b", "*", None);
        check_binary("y = a * b * c", "*", None);
        check_binary("y = f(*a)", "*", None);
        check_binary("y = (a + 1) * b", "*", Some(("(a + 1)", "b")));
        check_binary("y = a *", "*", None);
    }

    #[test]
    fn subscripts_that_are_read_are_found() {
        let found = |text| {
            let line = Line::parse(text).unwrap();
            let it = line.subscripts();
            it.iter().map(|it| format!("{} {:?}", it.base, it.items)).collect::<Vec<_>>()
        };
        assert_eq!(found("return X[index]"), ["X [\"index\"]"]);
        assert_eq!(found("a[i] = b.c[i, :n]"), ["b.c [\"i\", \":n\"]"]);
        assert_eq!(found("x = [1, 2]"), [""; 0]);
        assert_eq!(found("a[x[1]]"), ["a [\"x[1]\"]", "x [\"1\"]"]);
        assert_eq!(found("return [a[1]]"), ["a [\"1\"]"]);
    }

    #[test]
    fn assignments_have_one_target() {
        let found = |text: &'static str| Line::parse(text).and_then(|line| line.assignment());
        assert_eq!(found("self.a = f(x, y=1)"), Some(("self.a", "f(x, y=1)")));
        assert_eq!(found("a[i] = x"), Some(("a[i]", "x")));
        assert_eq!(found("a = b = x"), None);
        assert_eq!(found("a, b = x"), None);
        assert_eq!(found("a += x"), None);
        assert_eq!(found("a = f("), None);
        let value = |text: &'static str| Line::parse(text).and_then(|line| line.value());
        assert_eq!(value("return signal[:n]  # x"), Some("signal[:n]"));
        assert_eq!(value("return"), None);
    }

    #[test]
    fn comments_silence() {
        assert_eq!(ignored("x = 1"), None);
        assert_eq!(ignored("x = 1  # npprof: ignore"), Some(vec![]));
        assert_eq!(ignored("x = 1  # noqa # npprof: ignore[a]"), Some(vec!["a"]));
        assert_eq!(ignored("x = 1  #npprof:ignore[a, b]"), Some(vec!["a", "b"]));
        assert_eq!(ignored("x = 1  # npprof: ignore - on purpose"), Some(vec![]));
        assert_eq!(ignored("x = 1  # npprof: ignored"), None);
        assert_eq!(ignored("x = '# npprof: ignore'"), None);
        assert_eq!(ignored("x = it's # npprof: ignore"), Some(vec![]));
    }

    #[test]
    fn no_text_is_too_strange() {
        for text in
            ["", "(", ")", "[)", "\"", "'''", "é = ü(ß)", "a..b", "=", ",", "x[,]", ".5", "f(,)"]
        {
            if let Some(line) = Line::parse(text) {
                let _ = (line.call(&["f"]), line.subscripts(), line.assignment(), line.value());
                let _ = line.binary("*");
            }
            let _ = ignored(text);
        }
    }
}

//! How the JSON is laid out: compact, but the members of the report and the items of its arrays
//! each begin a line.

use std::io::{self, Write};

use serde_json::ser::Formatter;

/// Up to this depth, what is inside begins a line.
const DEPTH_OF_LINES: usize = 2;

#[derive(Debug, Default)]
pub(super) struct OneItemALine {
    depth: usize,
    /// The innermost array or object has had something in it.
    has_items: bool,
}

impl OneItemALine {
    fn open(&mut self) {
        self.depth += 1;
        self.has_items = false;
    }

    fn close<W: ?Sized + Write>(&mut self, to: &mut W, end: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        if self.has_items && self.depth < DEPTH_OF_LINES {
            self.line(to)?;
        }
        self.has_items = true;
        to.write_all(end)
    }

    fn item<W: ?Sized + Write>(&mut self, to: &mut W, is_first: bool) -> io::Result<()> {
        if !is_first {
            to.write_all(b",")?;
        }
        if self.depth <= DEPTH_OF_LINES { self.line(to) } else { Ok(()) }
    }

    fn line<W: ?Sized + Write>(&self, to: &mut W) -> io::Result<()> {
        to.write_all(b"\n")?;
        to.write_all(&b"  "[..self.depth.min(DEPTH_OF_LINES)])
    }
}

impl Formatter for OneItemALine {
    fn begin_array<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.open();
        to.write_all(b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.close(to, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        self.item(to, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.has_items = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.open();
        to.write_all(b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.close(to, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        self.item(to, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        to.write_all(b":")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.has_items = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::json;

    use super::*;

    #[test]
    fn members_and_their_items_begin_a_line_and_nothing_deeper_does() {
        let value = json!({
            "a": 1, "b": [], "c": {}, "d": [[1, {"x": []}], {"y": [2, 3]}], "e": {"z": "é\n"},
        });
        let mut text = Vec::new();
        let mut to = serde_json::Serializer::with_formatter(&mut text, OneItemALine::default());
        value.serialize(&mut to).unwrap();
        insta::assert_snapshot!(String::from_utf8(text).unwrap(), @r#"
        {
         "a":1,
         "b":[],
         "c":{},
         "d":[
          [1,{"x":[]}],
          {"y":[2,3]}
         ],
         "e":{
          "z":"é\n"
         }
        }
        "#);
    }
}

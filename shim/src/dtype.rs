//! Numbers for dtypes.
//!
//! Plain numbers have the type number plus one and need no look-up. Others are known by what makes
//! them what they are (size, unit, byte order, fields), never by address: another dtype may take the
//! place of one that has died, and keeping it alive would show in its reference count.

use std::io::Write as _;

use npprof_abi::numpy::descr::{self, DATETIME_METADATA};
use npprof_abi::numpy::{ArrayBody, DatetimeMetadata, DescrLayout, Dtype, builtin_name, dtype};
use npprof_abi::python::object;
use npprof_wire::encode::Definition;

use crate::install::python::Python;
use crate::memory::{Address, c_string, read};
use crate::stream::Stream;
use crate::table::{Key, Table, hash_bytes, mix};

/// Structured dtypes that are told apart; more are shown as raw bytes of their size.
const MAX_STRUCTURED: u16 = 1024;
/// Depth to which the fields of fields are shown.
const MAX_DEPTH: u8 = 4;
/// Longest description of a dtype, in bytes.
const MAX_NAME: usize = 1024;

/// What makes a dtype what it is.
#[derive(Clone, Copy, PartialEq, Eq)]
struct DtypeKey {
    type_num: i32,
    is_swapped: bool,
    itemsize: u64,
    /// Unit and count of a time; hash of the fields; address of a foreign dtype's type.
    detail: u64,
}

impl Key for DtypeKey {
    fn hash(&self) -> u64 {
        let first = u64::from(self.type_num.cast_unsigned()) << 1 | u64::from(self.is_swapped);
        mix(first, mix(self.itemsize, self.detail))
    }
}

/// The dtypes seen so far.
pub(crate) struct DtypeTable {
    layout: DescrLayout,
    numbers: Table<DtypeKey, u16>,
    n_numbers: u16,
    n_structured: u16,
}

const N_PLAIN: u32 = dtype::LEGACY_TYPE_NUMS as u32;
/// Bits of the type numbers that need no look-up: all but those between bytes and timedelta.
const PLAIN: u32 = {
    let looked_up = below(dtype::TIMEDELTA + 1) & !below(dtype::BYTES);
    below(dtype::LEGACY_TYPE_NUMS) & !looked_up
};

const fn below(type_num: i32) -> u32 {
    (1_u32 << type_num).wrapping_sub(1)
}

impl DtypeTable {
    pub(crate) const fn new(layout: DescrLayout) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a small constant")]
        let n_numbers = N_PLAIN as u16;
        Self { layout, numbers: Table::EMPTY, n_numbers, n_structured: 0 }
    }

    /// Defines the dtypes that need no look-up.
    pub(crate) fn define_plain(stream: &mut Stream) {
        for type_num in 0..dtype::LEGACY_TYPE_NUMS {
            let Some(name) = builtin_name(type_num) else { continue };
            let number = u16::try_from(type_num.wrapping_add(1)).unwrap_or(0);
            let mut words = [0; 32];
            let definition =
                Definition::dtype(&mut words, number, plain_itemsize(type_num), name.as_bytes());
            stream.define(definition.finish());
        }
    }

    /// The itemsize of an array's dtype.
    ///
    /// # Safety
    ///
    /// `array` must be a live array, with the interpreter lock held.
    #[inline]
    pub(crate) unsafe fn itemsize_of(&self, array: Address) -> usize {
        let offset = object::OBJECT_SIZE.wrapping_add(std::mem::offset_of!(ArrayBody, descr));
        // SAFETY: the caller vouches for the array.
        let descr = unsafe { read::<Address>(array, offset) };
        if descr == 0 {
            return 0;
        }
        // SAFETY: an array's dtype lives as long.
        unsafe { self.itemsize(descr) }
    }

    /// The number of a dtype, 0 for one that is not known, and its itemsize.
    ///
    /// # Safety
    ///
    /// `descr` must be a live `PyArray_Descr`, with the interpreter lock held.
    #[inline]
    pub(crate) unsafe fn number_of(&mut self, descr: Address, stream: &mut Stream) -> (u16, usize) {
        // SAFETY: the caller vouches for the dtype.
        if let Some(plain) = unsafe { self.plain_number_of(descr) } {
            return plain;
        }
        // SAFETY: as above.
        let type_num = unsafe { read::<i32>(descr, descr::TYPE_NUM) };
        // SAFETY: as above.
        let is_swapped = unsafe { read::<u8>(descr, descr::BYTEORDER) } == b'>';
        // SAFETY: as above.
        let itemsize = unsafe { self.itemsize(descr) };
        // SAFETY: as above.
        (unsafe { self.look_up(descr, type_num, is_swapped, stream) }, itemsize)
    }

    /// As [`Self::number_of`], for a dtype that needs no look-up: `None` for others.
    ///
    /// # Safety
    ///
    /// As for [`Self::number_of`].
    #[inline(always)]
    pub(crate) unsafe fn plain_number_of(&self, descr: Address) -> Option<(u16, usize)> {
        // SAFETY: the caller vouches for the dtype.
        let type_num = unsafe { read::<i32>(descr, descr::TYPE_NUM) };
        // SAFETY: as above.
        let byte_order = unsafe { read::<u8>(descr, descr::BYTEORDER) };
        let is_plain = PLAIN.wrapping_shr(type_num.cast_unsigned()) & 1 != 0;
        if type_num.cast_unsigned() >= N_PLAIN || !is_plain || byte_order == b'>' {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "less than N_PLAIN")]
        #[expect(clippy::cast_sign_loss, reason = "less than N_PLAIN when unsigned")]
        let number = (type_num as u16).wrapping_add(1);
        // SAFETY: as above.
        Some((number, unsafe { self.itemsize(descr) }))
    }

    /// # Safety
    ///
    /// As for [`Self::number_of`].
    #[inline]
    unsafe fn itemsize(&self, descr: Address) -> usize {
        if self.layout.size_width == 4 {
            // SAFETY: the caller vouches for the dtype.
            let size = unsafe { read::<i32>(descr, self.layout.elsize) };
            usize::try_from(size).unwrap_or(0)
        } else {
            // SAFETY: as above.
            unsafe { read::<usize>(descr, self.layout.elsize) }
        }
    }

    /// # Safety
    ///
    /// As for [`Self::number_of`].
    unsafe fn look_up(
        &mut self,
        descr: Address,
        type_num: i32,
        is_swapped: bool,
        stream: &mut Stream,
    ) -> u16 {
        // SAFETY: the caller vouches for the dtype.
        let is_structured = type_num == dtype::VOID && unsafe { self.has_names(descr) };
        let is_foreign = !(0..dtype::LEGACY_TYPE_NUMS).contains(&type_num);
        let detail = if is_structured && self.n_structured < MAX_STRUCTURED {
            // SAFETY: as above.
            (unsafe { self.hash_fields(descr, MAX_DEPTH) }) | 1
        } else if is_foreign {
            // SAFETY: every object has a type.
            unsafe { read::<u64>(descr, object::OB_TYPE) }
        } else {
            // SAFETY: the caller vouches for the dtype.
            unsafe { self.datetime(descr, type_num) }.map_or(0, time_key)
        };
        // SAFETY: as above.
        let itemsize = unsafe { self.itemsize(descr) } as u64;
        let key = DtypeKey { type_num, is_swapped, itemsize, detail };
        match self.numbers.get(&key) {
            Some(number) => number,
            // SAFETY: as above.
            None => unsafe { self.define(descr, key, is_structured && detail != 0, stream) },
        }
    }

    /// # Safety
    ///
    /// As for [`Self::number_of`].
    #[cold]
    unsafe fn define(
        &mut self,
        descr: Address,
        key: DtypeKey,
        is_structured: bool,
        stream: &mut Stream,
    ) -> u16 {
        let Some(number) = self.n_numbers.checked_add(1) else { return 0 };
        if !self.numbers.insert(key, number) {
            return 0;
        }
        self.n_numbers = number;
        if is_structured {
            self.n_structured = self.n_structured.saturating_add(1);
        }
        let mut name = [0; MAX_NAME];
        let mut to = &mut name[..];
        // What doesn't fit is cut.
        // SAFETY: the caller vouches for the dtype.
        let _ = unsafe { self.describe(descr, MAX_DEPTH, &mut to) };
        let left = to.len();
        let name = name.get(..MAX_NAME.wrapping_sub(left)).unwrap_or(&[]);
        let mut words = [0; MAX_NAME / 8 + 8];
        let itemsize = u32::try_from(key.itemsize).unwrap_or(u32::MAX);
        stream.define(Definition::dtype(&mut words, number, itemsize, name).finish());
        number
    }

    /// Writes a dtype as NumPy shows it.
    ///
    /// # Safety
    ///
    /// As for [`Self::number_of`].
    unsafe fn describe(
        &self,
        descr: Address,
        depth: u8,
        to: &mut &mut [u8],
    ) -> std::io::Result<()> {
        // SAFETY: the caller vouches for the dtype.
        let type_num = unsafe { read::<i32>(descr, descr::TYPE_NUM) };
        // SAFETY: as above.
        let is_swapped = unsafe { read::<u8>(descr, descr::BYTEORDER) } == b'>';
        if !(0..dtype::LEGACY_TYPE_NUMS).contains(&type_num) && builtin_name(type_num).is_none() {
            // SAFETY: as above; every object has a type, and every type a name.
            let class = unsafe { read::<Address>(descr, object::OB_TYPE) };
            // SAFETY: as above.
            let name = unsafe { read::<Address>(class, object::TP_NAME) };
            // SAFETY: as above.
            return to.write_all(unsafe { c_string(name) });
        }
        // SAFETY: as above.
        if type_num == dtype::VOID && depth > 0 && unsafe { self.has_names(descr) } {
            // SAFETY: as above.
            return unsafe { self.describe_fields(descr, depth, to) };
        }
        // SAFETY: as above.
        let itemsize = unsafe { self.itemsize(descr) };
        // SAFETY: as above.
        let datetime = unsafe { self.datetime(descr, type_num) };
        write!(to, "{}", Dtype { type_num, itemsize, is_swapped, datetime })
    }

    /// A hash of everything that is shown of a structured dtype.
    ///
    /// # Safety
    ///
    /// As for [`Self::number_of`]; the dtype must have names.
    unsafe fn hash_fields(&self, descr: Address, depth: u8) -> u64 {
        let mut hash = 0;
        let see = |python: &Python, name: Address, field: Address| {
            // SAFETY: a string.
            let name = unsafe { python.with_text(name, |text| hash_bytes(text, 0)) };
            // SAFETY: a dtype, as long as the structured one lives.
            hash = mix(mix(hash, name), unsafe { self.hash(field, depth.wrapping_sub(1)) });
        };
        // SAFETY: the caller vouches for the dtype.
        unsafe { self.for_each_field(descr, see) };
        hash
    }

    /// # Safety
    ///
    /// As for [`Self::number_of`].
    unsafe fn hash(&self, descr: Address, depth: u8) -> u64 {
        // SAFETY: the caller vouches for the dtype.
        let type_num = unsafe { read::<i32>(descr, descr::TYPE_NUM) };
        // SAFETY: as above.
        let byte_order = unsafe { read::<u8>(descr, descr::BYTEORDER) };
        // SAFETY: as above.
        let itemsize = unsafe { self.itemsize(descr) } as u64;
        // SAFETY: as above.
        let detail = if type_num == dtype::VOID && depth > 0 && unsafe { self.has_names(descr) } {
            // SAFETY: as above.
            unsafe { self.hash_fields(descr, depth) }
        } else {
            // SAFETY: as above.
            unsafe { self.datetime(descr, type_num) }.map_or(0, time_key)
        };
        let kind = u64::from(type_num.cast_unsigned()) << 8 | u64::from(byte_order);
        mix(mix(kind, itemsize), detail)
    }

    /// # Safety
    ///
    /// As for [`Self::number_of`]; the dtype must have names.
    unsafe fn describe_fields(
        &self,
        descr: Address,
        depth: u8,
        to: &mut &mut [u8],
    ) -> std::io::Result<()> {
        let mut result = to.write_all(b"[");
        let mut separator: &[u8] = b"('";
        let see = |python: &Python, name: Address, field: Address| {
            let mut write = || {
                to.write_all(separator)?;
                // SAFETY: a string.
                unsafe { python.with_text(name, |text| to.write_all(text)) }?;
                to.write_all(b"', ")?;
                // SAFETY: a dtype, as long as the structured one lives.
                unsafe { self.describe(field, depth.wrapping_sub(1), to) }?;
                to.write_all(b")")
            };
            if result.is_ok() {
                result = write();
            }
            separator = b", ('";
        };
        // SAFETY: the caller vouches for the dtype.
        unsafe { self.for_each_field(descr, see) };
        result?;
        to.write_all(b"]")
    }

    /// Calls `see` with the name and the dtype of each field, in order.
    ///
    /// # Safety
    ///
    /// As for [`Self::number_of`]; the dtype must have names.
    unsafe fn for_each_field(
        &self,
        descr: Address,
        mut see: impl FnMut(&Python, Address, Address),
    ) {
        let Some(python) = crate::install::python::get() else { return };
        // SAFETY: the caller vouches for the dtype.
        let names = unsafe { read::<Address>(descr, self.layout.names) };
        // SAFETY: as above.
        let fields = unsafe { read::<Address>(descr, self.layout.fields) };
        // SAFETY: names are a tuple.
        let n_names = unsafe { read::<usize>(names, object::OB_SIZE) };
        for index in 0..n_names {
            let item = object::TUPLE_ITEMS.wrapping_add(index.wrapping_mul(8));
            // SAFETY: a tuple has `ob_size` items, here strings.
            let name = unsafe { read::<Address>(names, item) };
            // SAFETY: fields are a dict, as dtypes with names have it, of tuples (dtype, offset).
            let field = unsafe { python.dict_item(fields, name) };
            if field != 0 {
                // SAFETY: the first item of the tuple is the field's dtype.
                see(python, name, unsafe { read::<Address>(field, object::TUPLE_ITEMS) });
            }
        }
    }

    /// # Safety
    ///
    /// As for [`Self::number_of`].
    unsafe fn has_names(&self, descr: Address) -> bool {
        // SAFETY: the caller vouches for the dtype, which is of an old type, so it has the field.
        let names = unsafe { read::<Address>(descr, self.layout.names) };
        if names == 0 {
            return false;
        }
        // SAFETY: names are null or an object; every object has a type with flags.
        let class = unsafe { read::<Address>(names, object::OB_TYPE) };
        // SAFETY: as above.
        (unsafe { read::<u64>(class, object::TP_FLAGS) }) & object::TPFLAGS_TUPLE_SUBCLASS != 0
    }

    /// # Safety
    ///
    /// As for [`Self::number_of`].
    unsafe fn datetime(&self, descr: Address, type_num: i32) -> Option<DatetimeMetadata> {
        if !(dtype::DATETIME..=dtype::TIMEDELTA).contains(&type_num) {
            return None;
        }
        // SAFETY: the caller vouches for the dtype, which is of an old type, so it has the field.
        let metadata = unsafe { read::<Address>(descr, self.layout.c_metadata) };
        if metadata == 0 {
            return None;
        }
        // SAFETY: that is what a time's metadata is.
        Some(unsafe { read::<DatetimeMetadata>(metadata, DATETIME_METADATA) })
    }
}

fn time_key(time: DatetimeMetadata) -> u64 {
    u64::from(time.unit.cast_unsigned()) << 32 | u64::from(time.count.cast_unsigned())
}

/// Bytes of an element of a dtype whose type number says it all; zero for the others.
const fn plain_itemsize(type_num: i32) -> u32 {
    match type_num {
        0..=2 => 1,
        3 | 4 | dtype::HALF => 2,
        5 | 6 | 11 => 4,
        7..=10 | 12 | 14 | dtype::OBJECT => 8,
        13 | 15 => 16,
        16 => 32,
        _ => 0,
    }
}

//! `PyUFuncObject`: a universal function.
//!
//! Offsets are in bytes from the start of the object. The place of its vectorcall pointer is not
//! here: `tp_vectorcall_offset` of its type says it.

/// `nin`: `int`, number of inputs.
pub const NIN: usize = 16;
/// `nout`: `int`, number of outputs.
pub const NOUT: usize = 20;
/// `nargs`: `int`, inputs and outputs.
pub const NARGS: usize = 24;
/// `functions`: `PyUFuncGenericFunction *`, [`NTYPES`] inner loops.
pub const FUNCTIONS: usize = 32;
/// `data`: `void **`, an argument for each inner loop; may be null.
pub const DATA: usize = 40;
/// `ntypes`: `int`, number of inner loops.
pub const NTYPES: usize = 48;
/// `name`: `const char *`, or null.
pub const NAME: usize = 56;
/// `types`: `const char *`, [`NARGS`] type numbers for each inner loop.
pub const TYPES: usize = 64;
/// `obj`: the Python function that a ufunc of `frompyfunc` calls, or another object to be kept alive,
/// or null.
pub const OBJ: usize = 88;
/// `core_enabled`: `int`, 1 for a generalised ufunc such as `matmul`, whose inner loop works on whole
/// core dimensions.
pub const CORE_ENABLED: usize = 104;
/// `core_signature`: `const char *`, as `(n?,k),(k,m?)->(n?,m?)`; null unless [`CORE_ENABLED`].
pub const CORE_SIGNATURE: usize = 136;

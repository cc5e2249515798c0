//! A run, shown to other terminals: `npprof run` lets any number of `npprof view` of the same user
//! look at it, through a Unix socket in a private folder.
//!
//! The viewer asks and is answered: nothing is made or sent while nobody asks, and a viewer that is
//! slow or stopped gets nothing more until it has read what it asked for. What is sent is the JSON
//! report of the moment, in a frame with a length. Neither side trusts the other: users and lengths
//! are checked, and what does not fit is the end of the connection.

mod follow;
mod frame;
mod hello;
mod search;
mod serve;
mod state;

pub(crate) use follow::{Follower, Link};
pub(crate) use hello::Hello;
pub(crate) use search::{Wanted, find, newest};
pub(crate) use serve::{Finish, Share};
pub(crate) use state::Moments;

/// The folder of a session's socket, which only its user can enter. The session's folder itself may
/// hold the link to the shim, which a program that has become another user must still find.
const FOLDER: &str = "view";

//! Pieces that every screen is made of. They draw what they are given and know nothing of the application.

pub mod bar;
pub mod border;
pub mod dialog;
pub mod input;
pub mod layout;
pub mod strip;
pub mod table;

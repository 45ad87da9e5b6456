//! `traf`, the console: IPTraf's views, live and past, over every sensor.
//!
//! * the middle: [`app`] (state), [`event`], [`key`], [`screen`] and [`widget`] (drawing), [`number`], [`moment`],
//!   [`text`], [`theme`]; no clock, no terminal, no network
pub mod app;
pub mod event;
pub mod key;
pub mod moment;
pub mod number;
pub mod screen;
pub mod text;
pub mod theme;
pub mod widget;

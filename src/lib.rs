//! Passive analysis of WebSocket traffic: packets in, events out.
//!
//! ```text
//!  capture ─Input─► net ─Segment─► tcp ─Chunk─► session (http, http2 ► ws) ─Event─► export, check
//!                   └──────────────────── analyzer: pure ───────────────────┘
//! ```
//!
//! Start at [`analyzer::Analyzer`]; [`event`] is what comes out, [`anomaly::RULES`] what can be odd.

#![forbid(unsafe_code)]

pub mod analyzer;
pub mod anomaly;
pub mod capture;
pub mod carrier;
pub mod check;
pub mod chunk;
pub mod config;
pub mod conversation;
pub mod dissect;
pub mod duplex;
pub mod entry;
pub mod event;
pub mod export;
pub mod filter;
pub mod flows;
pub mod front;
pub mod holders;
pub mod http;
pub mod http2;
pub mod inbox;
pub mod input;
pub mod ledger;
pub mod limits;
pub mod net;
pub mod numbered;
pub mod opening;
pub mod origin;
pub mod outbox;
pub mod payload;
pub mod pieces;
pub mod polling;
pub mod requests;
pub mod run;
pub mod secure;
pub mod session;
pub mod shared;
pub mod stats;
pub mod store;
pub mod stream;
pub mod streams;
pub mod tcp;
pub mod tls;
pub mod tui;
pub mod upgrade;
pub mod ws;

//! Runtime of a baked network.
#![cfg_attr(not(feature = "std"), no_std)]

//! Microkernels.
#![no_std]

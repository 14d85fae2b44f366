//! Codecs of values, text and binary.

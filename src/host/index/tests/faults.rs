//! What can happen to the index.

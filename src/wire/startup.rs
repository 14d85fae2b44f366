//! The packets before the first tagged message: startup, SSLRequest, GSSENCRequest, CancelRequest.

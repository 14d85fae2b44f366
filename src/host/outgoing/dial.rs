//! Connections to other machines. The address that is judged is the address that is connected to: a name cannot
//! resolve to one thing when it is checked and to another when it is used.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::Failure;

/// For the name, and again for each address, and for TLS.
const PATIENCE: Duration = Duration::from_secs(10);
/// Addresses tried of one name.
const MOST_ADDRESSES: usize = 8;
/// A receiver that vanished is noticed after two minutes.
const IDLE: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_secs(15);
const VANISHED: Duration = Duration::from_secs(120);

pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

pub type Stream = Box<dyn Duplex>;

/// Which machines may be meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    All,
    /// Every one but this: what a name leads back to here is none of the services that the world is offered.
    Away,
    /// This one alone: what is sent in clear text stays on it.
    Near,
}

/// One receiver.
pub struct Target {
    pub host: String,
    pub port: u16,
    pub tls: Option<TlsConnector>,
    pub reach: Reach,
    /// Bytes that the system may hold back for us.
    pub send_buffer: Option<usize>,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Target").field("host", &self.host).field("port", &self.port).field("reach", &self.reach).finish_non_exhaustive()
    }
}

impl Target {
    pub async fn connect(&self) -> Result<Stream, Failure> {
        let stream = self.reach().await?;
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        let name = ServerName::try_from(self.host.clone()).map_err(|_| Failure::new("its name is none that a certificate can carry"))?;
        let handshake = timeout(PATIENCE, tls.connect(name, stream)).await;
        let stream = handshake.map_err(|_| Failure::new("no TLS within 10s"))?.map_err(|error| Failure::new(format!("TLS: {error}")))?;
        Ok(Box::new(stream))
    }

    async fn reach(&self) -> Result<TcpStream, Failure> {
        let found = timeout(PATIENCE, lookup_host((self.host.as_str(), self.port))).await;
        let found = found.map_err(|_| Failure::new("its name was not found within 10s"))?;
        let addresses = found.map_err(|error| Failure::new(format!("its name: {error}")))?;
        let mut last = Failure::new("its name has no address");
        for address in addresses.take(MOST_ADDRESSES) {
            if let Some(reason) = refused(address.ip()) {
                last = Failure::new(format!("{}: {reason}", address.ip()));
                continue;
            }
            let near = address.ip().to_canonical().is_loopback();
            if self.reach == Reach::Near && !near {
                last = Failure::new(format!("{}: off loopback a webhook is https", address.ip()));
                continue;
            }
            if self.reach == Reach::Away && near {
                last = Failure::new(format!("{}: its name leads back to this machine; write localhost where that is meant", address.ip()));
                continue;
            }
            match timeout(PATIENCE, self.try_one(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = Failure::new(format!("{address}: {error}")),
                Err(_) => last = Failure::new(format!("{address}: no connection within 10s")),
            }
        }
        Err(last)
    }

    async fn try_one(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let socket = SockRef::from(&stream);
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(IDLE).with_interval(INTERVAL))?;
        socket.set_tcp_user_timeout(Some(VANISHED))?;
        if let Some(size) = self.send_buffer {
            socket.set_send_buffer_size(size)?;
        }
        Ok(stream)
    }
}

/// Where clouds answer their own machines, outside of the link-local networks: what is sent there would reach whoever rents
/// out the machine, and the answer could be a credential.
const METADATA: [IpAddr; 5] = [
    // Alibaba, Azure, Oracle, AWS, Google.
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// Why nothing is sent to an address, if so.
fn refused(address: IpAddr) -> Option<&'static str> {
    let address = address.to_canonical();
    if METADATA.contains(&address) {
        return Some("a metadata service is no receiver");
    }
    match address {
        IpAddr::V4(v4) if v4.is_link_local() => Some("a link-local address is no receiver"),
        IpAddr::V4(v4) if v4.is_unspecified() || v4.is_broadcast() || v4.is_multicast() => Some("it names no one machine"),
        IpAddr::V4(_) => None,
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some("a link-local address is no receiver"),
        IpAddr::V6(v6) if v6.is_unspecified() || v6.is_multicast() => Some("it names no one machine"),
        IpAddr::V6(v6) => within(v6).and_then(|v4| refused(IpAddr::V4(v4))),
    }
}

/// The IPv4 address that a gateway would reach for this one: NAT64, 6to4, and the old compatible form.
fn within(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let joined = |high: u16, low: u16| Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(joined(high, low)),
        [0x2002, high, low, ..] => Some(joined(high, low)),
        // ::1 is loopback.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some(joined(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_no_record_is_sent_to() {
        for text in [
            "169.254.169.254",
            "169.254.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "::a9fe:a9fe",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "0.0.0.0",
            "::",
            "255.255.255.255",
            "224.0.0.1",
            "ff02::1",
        ] {
            assert!(refused(text.parse().unwrap()).is_some(), "{text}");
        }
        for text in ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "203.0.113.7", "2001:db8::1", "fd12::1", "64:ff9b::a00:1"] {
            assert_eq!(refused(text.parse().unwrap()), None, "{text}");
        }
    }

    /// Whatever a name resolved to when it was looked at: it is looked at when it is used.
    #[tokio::test]
    async fn a_name_that_leads_back_here_is_connected_to_only_where_that_is_meant() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = |reach| Target { host: "127.0.0.1".to_owned(), port, tls: None, reach, send_buffer: None };
        for (reach, connects) in [(Reach::All, true), (Reach::Near, true), (Reach::Away, false)] {
            let connected = target(reach).connect().await;
            assert_eq!(connected.is_ok(), connects, "{reach:?}");
        }
        let far = Target { host: "203.0.113.7".to_owned(), ..target(Reach::Near) };
        assert!(far.connect().await.is_err_and(|failure| failure.to_string().contains("off loopback")));
    }
}

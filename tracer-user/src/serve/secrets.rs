//! The certificate and the token: what anything but this machine needs to read.

use std::{fs, path::Path, sync::Arc};

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use sha2::{Digest, Sha256};

use crate::exit::Failure;

/// A token is at least this long.
const MIN_TOKEN: usize = 16;

/// What was read of the files.
#[derive(Clone, Default)]
pub struct Secrets {
    /// For TLS, on all TCP sockets.
    pub tls: Option<Arc<ServerConfig>>,
    token: Option<[u8; 32]>,
}

impl Secrets {
    /// Reads certificate, key and token, each if there is one.
    ///
    /// # Errors
    /// If a file cannot be read or is not what it should be.
    pub fn read(cert: Option<&Path>, key: Option<&Path>, token: Option<&Path>) -> Result<Self, Failure> {
        let tls = match cert.zip(key) {
            Some((cert, key)) => Some(Arc::new(tls(cert, key)?)),
            None => None,
        };
        let token = token.map(read_token).transpose()?;
        Ok(Self { tls, token })
    }

    /// Whether a socket that others can reach may be opened.
    pub fn suffice_for_others(&self) -> bool {
        self.tls.is_some() && self.token.is_some()
    }

    /// Whether requests need a token.
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Whether a request has the token, as a bearer or as the password of any user, which browsers ask for.
    pub fn admit(&self, headers: &HeaderMap) -> bool {
        let Some(token) = self.token else { return true };
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((scheme, given)) = given.and_then(|value| value.split_once(' ')) else {
            return false;
        };
        // Hashes tell nothing about how much of a token was right, however long they take to compare.
        if scheme.eq_ignore_ascii_case("bearer") {
            return hash(given.trim()) == token;
        }
        scheme.eq_ignore_ascii_case("basic") && password(given).is_some_and(|given| hash(&given) == token)
    }
}

fn password(basic: &str) -> Option<String> {
    use base64::Engine;
    let login = base64::engine::general_purpose::STANDARD
        .decode(basic.trim())
        .ok()?;
    let login = String::from_utf8(login).ok()?;
    login.split_once(':').map(|(_, password)| password.to_owned())
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

fn read_token(path: &Path) -> Result<[u8; 32], Failure> {
    let wrong = |why: String| Failure::Usage(format!("--token-file {}: {why}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let token = text.trim();
    if token.len() < MIN_TOKEN {
        return Err(wrong(format!("a token has at least {MIN_TOKEN} characters")));
    }
    Ok(hash(token))
}

fn tls(cert: &Path, key: &Path) -> Result<ServerConfig, Failure> {
    let wrong =
        |flag: &str, path: &Path, why: String| Failure::Usage(format!("{flag} {}: {why}", path.display()));
    let of_cert = |why: String| wrong("--tls-cert", cert, why);
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| of_cert(error.to_string()))?;
    if chain.is_empty() {
        return Err(of_cert("there is no certificate in it (PEM)".to_owned()));
    }
    let private =
        PrivateKeyDer::from_pem_file(key).map_err(|error| wrong("--tls-key", key, error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
        .map_err(|error| of_cert(error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_token(text: &str) -> Result<Secrets, Failure> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        Secrets::read(None, None, Some(file.path()))
    }

    fn headers(value: &str) -> HeaderMap {
        [(AUTHORIZATION, value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn the_token_is_a_bearer_or_a_password() {
        let secrets = with_token("0123456789abcdef\n").unwrap();
        assert!(secrets.admit(&headers("Bearer 0123456789abcdef")));
        // "me:0123456789abcdef"
        assert!(secrets.admit(&headers("Basic bWU6MDEyMzQ1Njc4OWFiY2RlZg==")));
        for wrong in [
            "Bearer 0123456789abcdeF",
            "Bearer ",
            "Basic ???",
            "0123456789abcdef",
            "Basic bWU=",
        ] {
            assert!(!secrets.admit(&headers(wrong)), "{wrong}");
        }
        assert!(!secrets.admit(&HeaderMap::new()));
        assert!(
            Secrets::default().admit(&HeaderMap::new()),
            "no token, nothing to ask for"
        );
    }

    #[test]
    fn a_short_token_is_refused() {
        let refused = with_token("secret").err().unwrap().to_string();
        assert!(refused.contains("at least 16 characters"), "{refused}");
    }

    #[test]
    fn a_token_alone_does_not_open_the_door_to_others() {
        assert!(!with_token("0123456789abcdef").unwrap().suffice_for_others());
    }
}

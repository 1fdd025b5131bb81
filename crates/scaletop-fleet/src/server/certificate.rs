//! The server's certificate, of an authority that is made for it alone.

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// In PEM.
pub(super) struct Certificate {
    /// The authority that the tickets name. Its key is forgotten as soon as it has signed.
    pub(super) authority: String,
    pub(super) server: String,
    pub(super) key: String,
}

/// A certificate for these names and addresses.
pub(super) fn make(hosts: &[String]) -> Result<Certificate, rcgen::Error> {
    let authority_key = KeyPair::generate()?;
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.distinguished_name = named("scaletop fleet authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let own = authority.self_signed(&authority_key)?;

    let key = KeyPair::generate()?;
    let mut server = CertificateParams::new(hosts.to_vec())?;
    server.distinguished_name = named("scaletop fleet server");
    let server = server.signed_by(&key, &Issuer::new(authority, authority_key))?;
    Ok(Certificate { authority: own.pem(), server: server.pem(), key: key.serialize_pem() })
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

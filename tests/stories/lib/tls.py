"""What a TLS server serves, seen from outside; and the openssl command for keys and certificates a story starts with."""
import hashlib
import re
import socket
import ssl

from .processes import run


def served(port, server_name, host="127.0.0.1"):
    """SHA-256 of the leaf served now, whoever signed it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection((host, port), timeout=30) as plain:
        with context.wrap_socket(plain, server_hostname=server_name) as tls:
            return hashlib.sha256(tls.getpeercert(binary_form=True)).hexdigest()


def verify(port, server_name, root_pem, host="127.0.0.1"):
    """Handshake that trusts this root alone and checks the name.  Raises ssl.SSLCertVerificationError."""
    context = ssl.create_default_context(cadata=root_pem)
    with socket.create_connection((host, port), timeout=30) as plain:
        with context.wrap_socket(plain, server_hostname=server_name) as tls:
            return tls.getpeercert()


def served_chain(port, server_name, host="127.0.0.1"):
    """Every certificate the server sends, in its order, PEM."""
    text = run(["openssl", "s_client", "-connect", f"{host}:{port}", "-servername", server_name, "-showcerts"])
    return re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", text, re.DOTALL)


def certificates(pem):
    return re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", pem, re.DOTALL)


def fingerprint(pem):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.strip() + "\n")).hexdigest()


def self_signed(name, certificate_file, key_file):
    """What a server has before certctl comes."""
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", key_file, "-out", certificate_file])


def private_scalar(key_file):
    """The secret number of an EC key, as octets without leading zeros: what must be found nowhere else."""
    text = run(["openssl", "pkey", "-in", key_file, "-noout", "-text"])
    digits = re.search(r"priv:\s*([0-9a-f:\s]+?)\s*pub:", text).group(1)
    return bytes.fromhex(re.sub(r"[:\s]", "", digits)).lstrip(b"\0")

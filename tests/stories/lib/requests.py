"""Keys and requests made in this process, by GnuTLS: hundreds a second, where a program each would take its time."""
import ctypes

_tls = ctypes.CDLL("libgnutls.so.30")
ECDSA, P256_BITS, DNS, SHA256, PEM = 4, 0x80000000 | 2, 1, 6, 1


class _Bytes(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("size", ctypes.c_uint)]


def _call(name, *arguments):
    code = getattr(_tls, name)(*arguments)
    if code < 0:
        raise RuntimeError(f"{name}: {code}")


def make(*names):
    """A PEM request for these DNS names with a new P-256 key, which nobody keeps."""
    key, request, text = ctypes.c_void_p(), ctypes.c_void_p(), _Bytes()
    _call("gnutls_x509_privkey_init", ctypes.byref(key))
    _call("gnutls_x509_crq_init", ctypes.byref(request))
    try:
        _call("gnutls_x509_privkey_generate", key, ECDSA, ctypes.c_uint(P256_BITS), 0)
        _call("gnutls_x509_crq_set_key", request, key)
        for number, name in enumerate(names):
            _call("gnutls_x509_crq_set_subject_alt_name", request, DNS, name.encode(), len(name), 1 if number else 0)
        _call("gnutls_x509_crq_sign2", request, key, SHA256, 0)
        _call("gnutls_x509_crq_export2", request, PEM, ctypes.byref(text))
        return ctypes.string_at(text.data, text.size).decode()
    finally:
        _tls.gnutls_x509_crq_deinit(request)
        _tls.gnutls_x509_privkey_deinit(key)

#!/usr/bin/env python3
"""What we emit, read by others: OpenSSL, GnuTLS's certtool, and asn1crypto, a decoder that shares no code with either."""
import os
import re
import subprocess
import sys
import time
import unittest
from datetime import datetime, timezone

from lib.processes import run
from lib.story import Story

TYPES = ["RSA_2048", "RSA_3072", "RSA_4096", "ECDSA_P256", "ECDSA_P384", "ED25519"]
SERIAL = 0x7F112233445566778899AABBCCDDEEFF010203FE
NAMES = ["www.example.com", "*.example.com", "xn--bcher-kva.example", "192.0.2.7", "2001:db8::7", "ops@example.com",
         "spiffe://example.com/db"]


class Readers(Story):
    def setUp(self):
        super().setUp()
        self.now = int(time.time())
        program = os.path.join(os.environ["CERTCTL_BUILD"], "bin", "sample_certificates")
        run([program, self.folder, self.now])
        self.leaves = [(f"ca-{ca}.pem", f"leaf-{ca}-{leaf}.pem") for ca in TYPES for leaf in TYPES]
        self.leaves += [("ca-ECDSA_P256.pem", name) for name in sorted(os.listdir(self.folder)) if name.startswith("odd-")]
        self.assertEqual(len(self.leaves), 42)

    def path(self, name):
        return os.path.join(self.folder, name)

    def test_openssl_verifies_and_prints_it(self):
        for ca, leaf in self.leaves:
            with self.subTest(leaf):
                said = run(["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "a.example.com",
                            "-CAfile", self.path(ca), self.path(leaf)])
                self.assertIn(": OK", said)
                text = run(["openssl", "x509", "-noout", "-text", "-nameopt", "utf8", "-in", self.path(leaf)])
                for name in NAMES:
                    self.assertIn(name.upper() if ":db8" in name and "/" not in name else name,
                                  text.replace("2001:DB8:0:0:0:0:0:7", "2001:DB8::7"))
                self.assertEqual("TLS Feature" in text, "odd-bare" not in leaf)
                self.assertEqual("X509v3 Subject Alternative Name: critical" in text, "no-subject" in leaf)

    def test_certtool_verifies_and_prints_it(self):
        for ca, leaf in self.leaves:
            with self.subTest(leaf):
                said = run(["certtool", "--verify", "--verify-purpose", "1.3.6.1.5.5.7.3.1", "--verify-hostname",
                            "www.example.com", "--load-ca-certificate", self.path(ca), "--infile", self.path(leaf)])
                self.assertIn("The certificate is trusted.", said)
                text = run(["certtool", "--certificate-info", "--infile", self.path(leaf)])
                self.assertIn("DNSname: www.example.com", text)
                self.assertIn("IPAddress: 2001:db8::7", text)
                self.assertNotIn("error", text.lower())

    def test_a_third_decoder_reads_every_field(self):
        sys.path.append("/usr/lib/python3/dist-packages")  # where Debian has it, whichever Python runs this
        try:
            from asn1crypto import pem, x509
        except ImportError:
            self.skipTest("python3-asn1crypto is not installed")
        for ca, leaf in self.leaves:
            with self.subTest(leaf):
                with open(self.path(leaf), "rb") as file:
                    _, _, der = pem.unarmor(file.read())
                certificate = x509.Certificate.load(der, strict=True)
                self.check_fields(leaf, certificate)
                # Encoded again from what was understood, it is the same: nothing was written in a second way.
                self.assertEqual(certificate.dump(force=True), der)

    def check_fields(self, leaf, certificate):
        tbs = certificate["tbs_certificate"]
        self.assertEqual(tbs["version"].native, "v3")
        serial = {"odd-serial-1.pem": 1, "odd-serial-80.pem": 0x80}.get(leaf, SERIAL)
        self.assertEqual(certificate.serial_number, serial)
        end = {"odd-2049.pem": 2524607999, "odd-2050.pem": 2524608000}.get(leaf, self.now + 90 * 86400)
        self.assertEqual(tbs["validity"]["not_before"].native, datetime.fromtimestamp(self.now - 300, timezone.utc))
        self.assertEqual(tbs["validity"]["not_after"].native, datetime.fromtimestamp(end, timezone.utc))
        self.assertEqual(tbs["validity"]["not_after"].name, "general_time" if leaf == "odd-2050.pem" else "utc_time")
        names = certificate.subject_alt_name_value
        self.assertEqual([name.native for name in names],
                         ["www.example.com", "*.example.com", "bücher.example", "192.0.2.7", "2001:db8::7",
                          "ops@example.com", "spiffe://example.com/db"])
        if leaf != "odd-no-subject.pem":
            self.assertEqual(dict(certificate.subject.native),
                             {"organization_name": "Bücher", "common_name": "www.example.com"})
        self.assertEqual(dict(certificate.issuer.native),
                         {"country_name": "DE", "organization_name": "Bücher, Example", "common_name": "Sample CA"})
        self.assertEqual(certificate.extended_key_usage_value.native, ["server_auth", "client_auth"])
        usage = {"digital_signature", "key_encipherment"} if re.search("-RSA_....[.]pem$", leaf) else {"digital_signature"}
        self.assertEqual(certificate.key_usage_value.native, usage)
        self.assertFalse(certificate.ca)
        self.assertEqual(len(certificate.key_identifier), 20)
        critical = {str(extension["extn_id"].native) for extension in tbs["extensions"] if extension["critical"].native}
        self.assertEqual(critical, {"basic_constraints", "key_usage"} |
                         ({"subject_alt_name"} if leaf == "odd-no-subject.pem" else set()))
        if leaf != "odd-bare.pem":
            self.assertEqual(certificate.crl_distribution_points[0].url, "http://ca.example.com/crl")
            self.assertEqual(certificate.ocsp_urls, ["http://ca.example.com/ocsp"])
            self.assertEqual([policy["policy_identifier"].native for policy in certificate.certificate_policies_value],
                             ["2.23.140.1.2.1"])
            self.assertEqual(certificate.tls_feature_value.native, [5])  # status_request

    def test_readers_refuse_what_name_constraints_forbid(self):
        """The constraint is understood by others, not only by us: another CA's leaf outside it does not verify."""
        key = self.path("evil.key")
        run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", key, "-out", self.path("evil.pem"), "-subj",
             "/CN=www.evil.test", "-addext", "subjectAltName=DNS:www.evil.test"])
        text = run(["openssl", "x509", "-noout", "-text", "-in", self.path("ca-ED25519.pem")])
        self.assertRegex(text, r"X509v3 Name Constraints: critical\s+Permitted:\s+DNS:example.com")
        self.assertRegex(text, r"Excluded:\s+DNS:secret.example.org")
        done = subprocess.run(["openssl", "verify", "-CAfile", self.path("ca-ED25519.pem"), self.path("evil.pem")],
                              capture_output=True, text=True, check=False)
        self.assertNotEqual(done.returncode, 0)


if __name__ == "__main__":
    unittest.main()

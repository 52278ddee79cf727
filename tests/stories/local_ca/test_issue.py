#!/usr/bin/env python3
"""local-ca in its own confined process, as an operator runs it: what it issues is verified by OpenSSL and certtool."""
import json
import os
import subprocess
import time
import unittest

from lib.processes import run
from lib.story import Story

CA_TYPES = ["RSA_2048", "RSA_3072", "RSA_4096", "ECDSA_P256", "ECDSA_P384", "ED25519"]
LEAVES = {"RSA_2048": ["RSA", "rsa_keygen_bits:2048"], "ECDSA_P256": ["EC", "ec_paramgen_curve:P-256"],
          "ECDSA_P384": ["EC", "ec_paramgen_curve:P-384"], "ED25519": ["ED25519"]}
NAMES = [{"type": "dns", "text": "www.example.com"}, {"type": "ip", "text": "192.0.2.7"}]


class Issue(Story):
    def setUp(self):
        super().setUp()
        self.build = os.environ["CERTCTL_BUILD"]
        self.begin = int(time.time()) - 300

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def request(self, key_type):
        algorithm, *options = LEAVES[key_type]
        key, csr = self.path(f"{key_type}.key"), self.path(f"{key_type}.csr")
        run(["openssl", "genpkey", "-algorithm", algorithm, *[word for one in options for word in ("-pkeyopt", one)], "-out",
             key])
        run(["openssl", "req", "-new", "-key", key, "-subj", "/", "-addext",
             "subjectAltName=DNS:www.example.com,IP:192.0.2.7", "-out", csr])
        with open(csr, encoding="ascii") as file:
            return file.read()

    def order(self, key_type, csr, **more):
        return {"id": "job-1", "kind": "issue", "key_type": key_type, "csr_pem": csr, "names": NAMES, "serial": "4a" * 20,
                "not_before_unix_s": self.begin, "not_after_unix_s": self.begin + 30 * 86400 - 1, **more}

    def call(self, config, operation, argument):
        """The reply, or the error, of one operation."""
        done = subprocess.run([os.path.join(self.build, "bin", "certctl-plugin"), "run",
                               os.path.join(self.build, "plugins", "certctl-issuer-local-ca.so"), operation, "--config", config,
                               "--argument", json.dumps(argument)], capture_output=True, text=True, timeout=60, check=False)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return json.loads(done.stdout or done.stderr)

    def check_leaf(self, issued, trusted):
        leaf, chain = self.write("leaf.pem", issued["leaf_pem"]), self.write("chain.pem", issued["chain_pem"])
        said = run(["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "www.example.com",
                    "-verify_ip", "192.0.2.7", "-CAfile", trusted, "-untrusted", chain, leaf])
        self.assertIn(": OK", said)
        both = self.write("both.pem", issued["leaf_pem"] + issued["chain_pem"])
        said = run(["certtool", "--verify", "--verify-hostname", "www.example.com", "--load-ca-certificate", trusted,
                    "--infile", both])
        self.assertIn("The certificate is trusted.", said)
        text = run(["openssl", "x509", "-noout", "-serial", "-in", leaf])
        self.assertEqual(text.strip(), "serial=" + "4A" * 20)

    def test_every_ca_signs_for_every_key(self):
        requests = {key_type: self.request(key_type) for key_type in LEAVES}
        for ca_type in CA_TYPES:
            config = self.write("config.yaml", f"options: {{directory: {self.path(ca_type)}, key_type: {ca_type}}}\n")
            for key_type, csr in requests.items():
                with self.subTest(f"{ca_type} signs {key_type}"):
                    issued = self.call(config, "issue", {"order": self.order(key_type, csr)})
                    self.check_leaf(issued, os.path.join(self.path(ca_type), "ca", "ca.crt"))
                    self.assertEqual(issued, self.call(config, "issue", {"order": self.order(key_type, csr)}))

    def test_below_a_ca_of_openssl(self):
        extensions = self.write("ca.cnf", "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n"
                                          "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
        run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.path("root.key"), "-out",
             self.path("root.pem"), "-subj", "/O=Example/CN=Root", "-days", "3000", "-addext",
             "keyUsage=critical,keyCertSign,cRLSign"])
        run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-passout", "pass:sesame", "-keyout",
             self.path("sub.key"), "-out", self.path("sub.csr"), "-subj", "/O=Example/CN=Sub"])
        run(["openssl", "x509", "-req", "-in", self.path("sub.csr"), "-CA", self.path("root.pem"), "-CAkey",
             self.path("root.key"), "-CAcreateserial", "-days", "2000", "-extfile", extensions, "-out", self.path("sub.pem")])
        # openssl x509 -req begins at this very second: an order must not begin before its CA.
        self.begin = int(time.time()) + 1
        config = self.write("config.yaml", "options:\n"
                            f"  ca_cert_path: {self.path('sub.pem')}\n  ca_key_path: {self.path('sub.key')}\n"
                            f"  ca_chain_path: {self.path('root.pem')}\n  ca_key_password: sesame\n")
        time.sleep(1.5)  # until the order's begin, so that the readers find it valid
        issued = self.call(config, "issue", {"order": self.order("ED25519", self.request("ED25519"))})
        self.check_leaf(issued, self.path("root.pem"))
        self.assertEqual(issued["chain_pem"].count("BEGIN CERTIFICATE"), 1)
        with open(self.path("sub.pem"), encoding="ascii") as file:
            self.assertIn(issued["chain_pem"], file.read())

    def test_what_is_outside_profile_or_ca_is_refused(self):
        config = self.write("config.yaml", f"options: {{directory: {self.path('ca')}, permitted_dns: [example.com]}}\n")
        csr = self.request("ECDSA_P256")
        order = self.order("ECDSA_P256", csr)
        rows = [
            ({"order": order}, None),
            ({"order": order, "item": {"permitted_dns": ["example.com"], "max_lifetime": "30d"}}, None),
            ({"order": order, "item": {"permitted_dns": ["example.org"]}}, "outside permitted_dns"),
            ({"order": order, "item": {"allowed_key_types": ["RSA_4096"]}}, "allowed_key_types"),
            ({"order": order, "item": {"max_lifetime": "29d"}}, "max_lifetime"),
            ({"order": {**order, "names": NAMES[:1]}}, "192.0.2.7 is not in the order"),
            ({"order": {**order, "not_after_unix_s": self.begin + 20 * 365 * 86400}}, "max_leaf_lifetime"),
        ]
        for argument, words in rows:
            with self.subTest(words):
                reply = self.call(config, "issue", argument)
                if words:
                    self.assertEqual(reply["code"], "denied")
                    self.assertIn(words, reply["what"])
                else:
                    self.check_leaf(reply, os.path.join(self.path("ca"), "ca", "ca.crt"))


if __name__ == "__main__":
    unittest.main()

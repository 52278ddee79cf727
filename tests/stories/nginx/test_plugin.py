#!/usr/bin/env python3
"""The nginx plugin in its own process: its plans deploy, its options are checked, and it learns no key."""
import os
import unittest

from stage import BUILD, NGINX, Stage, is_served, read, steps

WHERE = {"plugin_dirs": [os.path.join(BUILD, "plugins")], "host_program": os.path.join(BUILD, "bin/certctl-plugin-host")}


def with_plugin(stage, pair, site=None, options=None, item=None, **more):
    """A deployment that the plugin plans."""
    site = site or stage.site
    deployment = stage.deployment(pair, site, **more)
    del deployment["plan"]
    deployment["plugin"] = "nginx"
    deployment["options"] = {"binary": NGINX, "config": stage.configuration, "prefix": stage.prefix, "probe_timeout_s": 60,
                             **(options or {})}
    deployment["item"] = {"certificate_path": site.certificate, "key_path": site.key,
                          "probes": [{"address": f"127.0.0.1:{site.port}"}], **(item or {})}
    return {name: value for name, value in deployment.items() if value is not None}


class Plugin(unittest.TestCase):
    def deploy(self, stage, *deployments):
        return stage.deploy(*deployments, **WHERE)

    def test_what_nginx_is_configured_to_serve(self):
        with Stage(["a.example.test", "b.example.test"]) as stage:
            commands = stage.spec["commands"] + [[NGINX, "-T", "..."]]
            found = stage.drive("inventory", [with_plugin(stage, stage.site.first)], commands=commands, **WHERE)
            self.assertEqual([(row["certificate_path"], row["key_path"], row["server_names"], row["address"]) for row in found],
                             [(site.certificate, site.key, [site.name], f"127.0.0.1:{site.port}") for site in stage.sites])
            for row, site in zip(found, stage.sites):
                path, line = row["source"].rsplit(":", 1)
                self.assertIn(site.certificate, read(path).splitlines()[int(line) - 1])

    def test_a_deployment(self):
        with Stage() as stage:
            pair = stage.authority.issue(stage.site.name)
            [report] = self.deploy(stage, with_plugin(stage, pair))
            self.assertEqual(report["outcome"], "completed", report)
            self.assertTrue(is_served(stage.site, pair))
            self.assertEqual(len(stage.site.chain()), 2)
            self.assertEqual(os.stat(stage.site.key).st_mode & 0o777, 0o600)
            [report] = self.deploy(stage, with_plugin(stage, pair))
            self.assertEqual((report["outcome"], report["verified"]), ("unchanged", True))

    def test_two_certificates_of_one_nginx(self):
        with Stage(["a.example.test", "b.example.test"]) as stage:
            pairs = [stage.authority.issue(site.name) for site in stage.sites]
            reports = self.deploy(stage, *[with_plugin(stage, pair, site) for pair, site in zip(pairs, stage.sites)])
            self.assertEqual([report["outcome"] for report in reports], ["completed"] * 2, reports)
            self.assertTrue(all(is_served(site, pair) for site, pair in zip(stage.sites, pairs)))
            self.assertEqual(read(stage.prefix + "/error.log").count("signal 1 (SIGHUP) received"), 1)

    def test_a_snippet_a_chain_file_and_modes(self):
        with Stage(snippet=True) as stage:
            pair = stage.authority.issue(stage.site.name)
            chain = stage.site.folder + "/chain.pem"
            item = {"snippet_path": stage.site.snippet, "chain_path": chain, "key_mode": "0640", "group": "daemon"}
            [report] = self.deploy(stage, with_plugin(stage, pair, item=item))
            self.assertEqual(report["outcome"], "completed", report)
            self.assertTrue(is_served(stage.site, pair))
            self.assertEqual(read(chain).strip(), read(pair["chain"]).strip())
            status = os.stat(stage.site.key)
            self.assertEqual((status.st_mode & 0o777, status.st_gid), (0o640, 1))
            self.assertIn(".certctl/bnd-a/2/", read(stage.site.snippet))

    def test_one_file_for_both(self):
        with Stage() as stage:
            pair = stage.authority.issue(stage.site.name)
            item = {"certificate_path": None, "key_path": None, "combined_path": stage.site.certificate}
            stage.site.key = stage.site.certificate
            stage.configure()
            deployment = with_plugin(stage, pair, item=item)
            deployment["item"] = {name: value for name, value in deployment["item"].items() if value}
            [report] = self.deploy(stage, deployment)
            self.assertEqual(report["outcome"], "completed", report)
            self.assertTrue(is_served(stage.site, pair))
            self.assertEqual(os.stat(stage.site.certificate).st_mode & 0o777, 0o600)

    def test_what_makes_no_sense_is_refused_by_name(self):
        rows = [({}, {"key_mode": "0644"}, "key_mode"), ({}, {"certificate_mode": "rw"}, "certificate_mode"),
                ({}, {"combined_path": "/etc/x.pem"}, "combined_path"), ({}, {"nonsense": 1}, "nonsense"),
                ({}, {"owner": "nobody-of-that-name"}, "nobody-of-that-name"),
                ({}, {"probes": [{"address": "127.0.0.1:99999"}]}, "address")]
        with Stage() as stage:
            pair = stage.authority.issue(stage.site.name)
            for options, item, words in rows:
                with self.subTest(words):
                    [report] = self.deploy(stage, with_plugin(stage, pair, options=options, item=item))
                    self.assertEqual(report["outcome"], "refused", report)
                    self.assertIn(words, report["what"])
            self.assertTrue(is_served(stage.site, stage.site.first))

    def test_a_broken_configuration_is_put_back(self):
        with Stage() as stage:
            stage.configure(more="nonsense;\n")
            [report] = self.deploy(stage, with_plugin(stage, stage.authority.issue(stage.site.name)))
            self.assertEqual(report["outcome"], "rolled_back", report)
            self.assertIn(("validate", False), steps(report))
            self.assertTrue(is_served(stage.site, stage.site.first))


if __name__ == "__main__":
    unittest.main(verbosity=2)

"""Profiles, policies and groups of agents: what is taken, what is refused and why, and who belongs to a group."""
import unittest

from base import ResourceStory


class Governance(ResourceStory):
    def refuse(self, path, body, fields, method="POST"):
        status, _, document = self.ask(method, path, body)
        self.assertEqual((status, self.fields_of(document)), (400, sorted(fields)), document)

    def test_a_profile_has_defaults_and_refuses_what_contradicts_itself(self):
        made = self.expect(201, "POST", "/api/v1/profiles", {"id": "prof-web", "name": "Web"})[1]
        self.assertEqual(made["allowed_key_types"], ["RSA_2048", "RSA_3072", "RSA_4096", "ECDSA_P256", "ECDSA_P384", "ED25519"])
        self.assertEqual((made["allowed_ekus"], made["name_patterns"]), (["serverAuth"], []))
        self.assertEqual([made[name] for name in ("min_key_bits", "max_ttl_seconds", "require_sans", "short_lived", "must_staple",
                                                  "reuse_key", "requires_approval", "approval_timeout_seconds")],
                         [None, None, True, False, False, False, False, 604800])
        self.refuse("/api/v1/profiles", {"name": "", "allowed_key_types": ["RSA_1024"], "min_key_bits": 1024, "max_ttl_seconds": 5,
                                         "allowed_ekus": ["anyUse"], "name_patterns": [7]},
                    ["name", "allowed_key_types[0]", "min_key_bits", "max_ttl_seconds", "allowed_ekus[0]", "name_patterns[0]"])
        self.refuse("/api/v1/profiles", {"name": "Short", "short_lived": True}, ["max_ttl_seconds"])
        self.refuse("/api/v1/profiles", {"name": "Short", "short_lived": True, "max_ttl_seconds": 604801}, ["max_ttl_seconds"])
        self.expect(201, "POST", "/api/v1/profiles", {"name": "Short", "short_lived": True, "max_ttl_seconds": 604800})
        self.refuse("/api/v1/profiles/prof-web", {"short_lived": True}, ["max_ttl_seconds"], "PATCH")
        patched = self.expect(200, "PATCH", "/api/v1/profiles/prof-web", {
            "allowed_key_types": ["ED25519"], "name_patterns": ["*.example.com", "a \"quoted\", {braced} \\ one"], "min_key_bits": 3072})[1]
        self.assertEqual(patched["name_patterns"], ["*.example.com", "a \"quoted\", {braced} \\ one"])
        self.assertEqual((patched["allowed_key_types"], patched["min_key_bits"]), (["ED25519"], 3072))
        self.assertEqual(self.expect(200, "PUT", "/api/v1/profiles/prof-web", patched)[1], patched)
        self.assertIsNone(self.expect(200, "PATCH", "/api/v1/profiles/prof-web", {"min_key_bits": None})[1]["min_key_bits"])
        for query, expected in (("allowed_key_types=ED25519", ["Short", "Web"]), ("allowed_key_types=RSA_2048", ["Short"]),
                                ("short_lived=true", ["Short"]), ("max_ttl_seconds_after=1000", ["Short"]),
                                ("max_ttl_seconds=604800&q=hor", ["Short"]), ("sort=max_ttl_seconds", ["Short", "Web"])):
            rows = self.expect(200, "GET", f"/api/v1/profiles?{query}")[1]["data"]
            self.assertEqual(sorted(row["name"] for row in rows) if "sort" not in query else [row["name"] for row in rows], expected)
        for query in ("allowed_key_types=RSA", "short_lived=1", "max_ttl_seconds=x", "max_ttl_seconds_after=99999999999999999999"):
            self.expect(400, "GET", f"/api/v1/profiles?{query}")
        self.stop_all()

    def test_a_policy_says_when_and_refuses_half_a_window(self):
        made = self.expect(201, "POST", "/api/v1/policies", {"id": "rp-a", "name": "A"})[1]
        self.assertEqual([made[name] for name in ("renewal_threshold_days", "alert_thresholds_days", "auto_renew", "retries_max",
                                                  "agent_group_id", "renewal_days", "renewal_window_start", "notifier_ids")],
                         [None, [30, 14, 7, 0], True, 5, None, [], None, []])
        body = {"name": "Nights", "renewal_threshold_days": 20, "alert_thresholds_days": [], "auto_renew": False, "retries_max": 0,
                "renewal_days": ["saturday", "sunday"], "renewal_window_start": "22:00", "renewal_window_end": "04:30"}
        put = self.expect(200, "PUT", "/api/v1/policies/rp-a", body)[1]
        self.assertEqual({name: put[name] for name in body}, body)
        self.refuse("/api/v1/policies", {"name": "B", "renewal_window_start": "22:00"}, ["renewal_window_end"])
        self.refuse("/api/v1/policies", {"name": "B", "renewal_window_start": "24:00", "renewal_window_end": "9:000"},
                    ["renewal_window_start", "renewal_window_end"])
        self.refuse("/api/v1/policies", {"name": "B", "alert_thresholds_days": [30, -1, 401], "renewal_days": ["someday"],
                                         "retries_max": -1}, ["renewal_days[0]", "retries_max"])
        self.refuse("/api/v1/policies", {"name": "B", "alert_thresholds_days": [30, -1, 401], "notifier_ids": ["ntf-none"],
                                         "renewal_window_end": "10:00"},
                    ["alert_thresholds_days", "alert_thresholds_days", "notifier_ids", "renewal_window_start"])
        self.refuse("/api/v1/policies", {"name": "B", "agent_group_id": "ag-none"}, ["agent_group_id"])
        self.expect(201, "POST", "/api/v1/agent-groups", {"id": "ag-a", "name": "Group"})
        self.expect(200, "PATCH", "/api/v1/policies/rp-a", {"agent_group_id": "ag-a"})
        self.assertIn("used by 1 policy: rp-a", self.expect(409, "DELETE", "/api/v1/agent-groups/ag-a")[1]["detail"])
        self.expect(204, "DELETE", "/api/v1/policies/rp-a")
        self.expect(204, "DELETE", "/api/v1/agent-groups/ag-a")
        self.stop_all()

    def test_a_group_is_those_who_match_now(self):
        for cidr in ("10.0.0.1/8", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/", "example.com", "fd00::1/8", "fd00::/129"):
            self.refuse("/api/v1/agent-groups", {"name": "X", "match_cidr": cidr}, ["match_cidr"])
        for version in ("x", "1.", ".1", "1..2", ">", "=>1", "!1", "1.2-rc", "1234567890"):
            self.refuse("/api/v1/agent-groups", {"name": "X", "match_version": version}, ["match_version"])
        self.assertEqual(self.expect(201, "POST", "/api/v1/agent-groups", {"id": "ag-a", "name": "A", "match_cidr": "fd00::/8"})[1]["match_cidr"],
                         "fd00::/8")
        self.assertEqual(self.expect(200, "GET", "/api/v1/agent-groups/ag-a/agents")[1]["data"], [])
        self.expect(404, "GET", "/api/v1/agent-groups/ag-b/agents")
        self.stop_all()


if __name__ == "__main__":
    unittest.main()

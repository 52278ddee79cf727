"""What every resource does alike, on teams and owners: create, read, replace, patch, delete, pages, conditions, events."""
import http.client
import json
import ssl
import threading
import unittest
from urllib.parse import quote, urlsplit

from base import ResourceStory


class Engine(ResourceStory):
    def test_one_is_created_read_changed_and_deleted(self):
        headers, team = self.expect(201, "POST", "/api/v1/teams", {"id": "t-pay", "name": "Payments"})
        self.assertEqual(headers["Location"], "/api/v1/teams/t-pay")
        self.assertEqual((team["id"], team["name"], team["description"]), ("t-pay", "Payments", None))
        read, again = self.expect(200, "GET", "/api/v1/teams/t-pay")
        self.assertEqual((again, read["ETag"]), (team, headers["ETag"]))
        made = self.expect(201, "POST", "/api/v1/teams", {"name": "Search", "description": "it's \"quoted\" — ünïcode"})[1]
        self.assertRegex(made["id"], "^t-[0-9a-f]{24}$")
        self.assertEqual(made["description"], "it's \"quoted\" — ünïcode")

        # PUT of what GET gave changes nothing and writes nothing.
        put, same = self.expect(200, "PUT", "/api/v1/teams/t-pay", again)
        self.assertEqual((same, put["ETag"]), (again, read["ETag"]))
        self.assertEqual(len(self.events("team", "t-pay")), 1)
        # PUT is the whole, PATCH a part, null its default.
        described = self.expect(200, "PATCH", "/api/v1/teams/t-pay", {"description": "money"},
                                media="application/merge-patch+json")[1]
        self.assertEqual((described["name"], described["description"]), ("Payments", "money"))
        renamed = self.expect(200, "PUT", "/api/v1/teams/t-pay", {"name": "Paying"})[1]
        self.assertEqual((renamed["name"], renamed["description"], renamed["id"]), ("Paying", None, "t-pay"))
        self.expect(200, "PATCH", "/api/v1/teams/t-pay", {"description": "x"})
        self.assertIsNone(self.expect(200, "PATCH", "/api/v1/teams/t-pay", {"description": None})[1]["description"])

        self.assertIsNone(self.expect(204, "DELETE", "/api/v1/teams/t-pay")[1])
        self.expect(404, "GET", "/api/v1/teams/t-pay")
        self.expect(404, "DELETE", "/api/v1/teams/t-pay")
        self.expect(404, "PUT", "/api/v1/teams/t-pay", {"name": "again"})
        self.expect(404, "PATCH", "/api/v1/teams/t-pay", {})
        events = sorted(self.events("team", "t-pay"), key=lambda event: event["id"])
        self.assertEqual([event["action"] for event in events],
                         ["team_created", "team_updated", "team_updated", "team_updated", "team_updated", "team_deleted"])
        self.assertEqual(events[2]["details"], {"fields": ["name", "description"],
                                                "before": {"name": "Payments", "description": "money"},
                                                "after": {"name": "Paying", "description": None}})
        self.assertEqual({event["actor"] for event in events}, {events[0]["actor"]})
        self.stop_all()

    def test_every_bad_member_is_named_and_nothing_is_left_behind(self):
        self.expect(201, "POST", "/api/v1/teams", {"id": "t-a", "name": "A"})
        for body, fields in (
                ({}, ["name"]),
                ({"name": "", "colour": 1, "description": 7}, ["colour", "description", "name"]),
                ({"name": "B", "id": "Not An Id"}, ["id"]),
                ({"name": "B", "created_at": "2026-01-01T00:00:00Z"}, ["created_at"]),
                ({"name": 7, "created_at": None, "updated_at": 1}, ["created_at", "name", "updated_at"])):
            status, _, document = self.ask("POST", "/api/v1/teams", body)
            self.assertEqual((status, self.fields_of(document)), (400, fields), document)
        for path, body in (("/api/v1/owners", {"name": "O", "email": "o@example.com", "team_id": "t-none"}),):
            status, _, document = self.ask("POST", path, body)
            self.assertEqual((status, self.fields_of(document)), (400, ["team_id"]), document)
            self.assertIn("t-none", document["detail"])
        status, _, document = self.ask("POST", "/api/v1/owners", {"email": "nobody", "team_id": 7})
        self.assertEqual((status, self.fields_of(document)), (400, ["email", "name", "team_id"]))
        for body in ("[]", "", "{", "{\"name\":\"a\",\"name\":\"b\"}", "null", "\"x\""):
            self.expect(400, "POST", "/api/v1/teams", body)
            self.expect(400, "PATCH", "/api/v1/teams/t-a", body)
        self.expect(415, "POST", "/api/v1/teams", {"name": "B"}, media="text/plain")
        self.expect(415, "POST", "/api/v1/teams", {"name": "B"}, media="application/merge-patch+json")
        self.assertIn("'A' is there already", self.expect(409, "POST", "/api/v1/teams", {"name": "A"})[1]["detail"])
        self.expect(409, "POST", "/api/v1/teams", {"id": "t-a", "name": "C"})
        # What cannot be changed is said; what comes back unchanged is taken.
        team = self.expect(200, "GET", "/api/v1/teams/t-a")[1]
        for change, fields in (({"id": "t-b"}, ["id"]), ({"created_at": "2020-01-01T00:00:00Z"}, ["created_at"]),
                               ({"id": None, "updated_at": 7, "name": ""}, ["id", "name", "updated_at"])):
            for method, body in (("PUT", {**team, **change}), ("PATCH", change)):
                status, _, document = self.ask(method, "/api/v1/teams/t-a", body)
                self.assertEqual((status, self.fields_of(document)), (400, fields), document)
        self.assertEqual(self.expect(200, "PATCH", "/api/v1/teams/t-a", team)[1], team)
        self.assertEqual([row["id"] for row in self.expect(200, "GET", "/api/v1/teams")[1]["data"]], ["t-a"])
        self.assertEqual(self.expect(200, "GET", "/api/v1/owners")[1]["data"], [])
        self.stop_all()

    def test_what_is_referred_to_stays_and_says_by_whom(self):
        self.expect(201, "POST", "/api/v1/teams", {"id": "t-a", "name": "A"})
        for i in range(5):
            self.expect(201, "POST", "/api/v1/owners", {"id": f"o-{i}", "name": f"O{i}", "email": "o@example.com", "team_id": "t-a"})
        detail = self.expect(409, "DELETE", "/api/v1/teams/t-a")[1]["detail"]
        self.assertEqual(detail, "team 't-a' is used by 5 owners: o-0, o-1, o-2, ...")
        for i in range(4):
            self.expect(204, "DELETE", f"/api/v1/owners/o-{i}")
        self.assertIn("is used by 1 owner: o-4", self.expect(409, "DELETE", "/api/v1/teams/t-a")[1]["detail"])
        self.expect(200, "PATCH", "/api/v1/owners/o-4", {"team_id": None})
        self.expect(204, "DELETE", "/api/v1/teams/t-a")
        self.stop_all()

    def test_who_has_not_seen_the_latest_changes_nothing(self):
        tag = self.expect(201, "POST", "/api/v1/teams", {"id": "t-a", "name": "A"})[0]["ETag"]
        for method, body in (("PUT", {"name": "B"}), ("PATCH", {"name": "B"}), ("DELETE", None)):
            for given in ('"other"', f"W/{tag}", tag.strip('"'), '"a", "b"'):
                headers, document = self.expect(412, method, "/api/v1/teams/t-a", body, headers={"If-Match": given})
                self.assertEqual(document["code"], "precondition_failed")
        self.assertEqual(self.expect(304, "GET", "/api/v1/teams/t-a", headers={"If-None-Match": tag})[0]["ETag"], tag)
        changed = self.expect(200, "PUT", "/api/v1/teams/t-a", {"name": "B"}, headers={"If-Match": tag})[0]["ETag"]
        self.assertNotEqual(changed, tag)
        self.expect(412, "PATCH", "/api/v1/teams/t-a", {"name": "C"}, headers={"If-Match": tag})
        latest = self.expect(200, "PATCH", "/api/v1/teams/t-a", {"name": "C"}, headers={"If-Match": f'"x", {changed}'})[0]["ETag"]
        self.expect(200, "PATCH", "/api/v1/teams/t-a", {"name": "D"}, headers={"If-Match": "*"})
        self.expect(412, "DELETE", "/api/v1/teams/t-a", headers={"If-Match": latest})
        latest = self.expect(200, "GET", "/api/v1/teams/t-a")[0]["ETag"]
        self.expect(204, "DELETE", "/api/v1/teams/t-a", headers={"If-Match": latest})
        self.stop_all()

    def walk(self, path, limit):
        rows, cursor = [], None
        while True:
            separator = "&" if "?" in path else "?"
            page = self.expect(200, "GET", f"{path}{separator}limit={limit}" + (f"&cursor={cursor}" if cursor else ""))[1]
            self.assertLessEqual(len(page["data"]), limit)
            rows += page["data"]
            cursor = page["next_cursor"]
            if not cursor:
                return rows

    def test_pages_follow_any_order_and_any_filter(self):
        teams = [f"t-{i}" for i in range(3)]
        for team in teams:
            self.expect(201, "POST", "/api/v1/teams", {"id": team, "name": team.upper()})
        owners = []
        for i in range(23):
            owner = {"id": f"o-{i:02}", "name": f"Name {i * 7 % 23:02}", "email": f"{'ab'[i % 2]}@example.com",
                     "team_id": teams[i % 4] if i % 4 < 3 else None}
            owners.append(self.expect(201, "POST", "/api/v1/owners", owner)[1])
        orders = (
            ("id", lambda o: o["id"], False), ("-id", lambda o: o["id"], True),
            ("name", lambda o: o["name"], False), ("-name", lambda o: o["name"], True),
            ("email,name", lambda o: (o["email"], o["name"]), False),
            ("email,id", lambda o: (o["email"], o["id"]), False),
            ("-email,name", lambda o: (-ord(o["email"][0]), o["name"]), False),
            ("email,-name", lambda o: (-ord(o["email"][0]), o["name"]), True),
            ("-email,-name", lambda o: (o["email"], o["name"]), True),
            ("createdAt", lambda o: (o["created_at"], o["id"]), False),
        )
        for sort, key, is_down in orders:
            for limit in (1, 7, 23, 50):
                got = [row["id"] for row in self.walk(f"/api/v1/owners?sort={sort}", limit)]
                self.assertEqual(got, [o["id"] for o in sorted(owners, key=key, reverse=is_down)], (sort, limit))
        # Rows without a value come last, up or down.
        with_team = [o for o in owners if o["team_id"]]
        without = [o for o in owners if not o["team_id"]]
        for sort, is_down in (("team_id", False), ("-team_id", True), ("team_id,name", False), ("-team_id,name", None)):
            key = (lambda o: (o["team_id"], o["name"])) if "name" in sort else (lambda o: (o["team_id"] or "", o["id"]))
            if is_down is None:
                expected = sorted(with_team, key=lambda o: (-int(o["team_id"][2]), o["name"])) + sorted(without, key=lambda o: o["name"])
            elif "name" in sort:
                expected = sorted(with_team, key=key) + sorted(without, key=lambda o: o["name"])
            else:
                expected = sorted(with_team, key=key, reverse=is_down) + sorted(without, key=lambda o: o["id"], reverse=is_down)
            for limit in (1, 5, 6, 17, 18, 50):
                got = [row["id"] for row in self.walk(f"/api/v1/owners?sort={sort}", limit)]
                self.assertEqual(got, [o["id"] for o in expected], (sort, limit))
        # Filters, alone and together.
        for query, is_in in (("team_id=t-1", lambda o: o["team_id"] == "t-1"),
                             ("team_id=t-1&email=a@example.com", lambda o: o["team_id"] == "t-1" and o["email"][0] == "a"),
                             ("name=" + quote("Name 07"), lambda o: o["name"] == "Name 07"), ("name=none", lambda o: False),
                             ("q=ame%200", lambda o: "ame 0" in o["name"]), ("q=NAME", lambda o: True), ("q=%25", lambda o: False),
                             ("created_after=2020-01-01", lambda o: True), ("created_before=2020-01-01", lambda o: False),
                             ("created_after=2020-01-01T00:00:00Z&created_before=2999-01-01", lambda o: True)):
            expected = [o["id"] for o in owners if is_in(o)]
            self.assertEqual([row["id"] for row in self.walk(f"/api/v1/owners?{query}", 4)], expected, query)
            page = self.expect(200, "GET", f"/api/v1/owners?{query}&limit=2")[1]
            self.assertEqual((page["total"], page["total_is_estimate"]), (len(expected), False), query)
        rows = self.expect(200, "GET", "/api/v1/owners?fields=id,teamId&sort=-name&limit=3")[1]["data"]
        self.assertEqual(rows, [{"id": o["id"], "team_id": o["team_id"]}
                                for o in sorted(owners, key=lambda o: o["name"], reverse=True)[:3]])
        # By number, without a cursor.
        for sort in ("name", "team_id", "-team_id"):
            paged = []
            for page in range(1, 6):
                paged += self.expect(200, "GET", f"/api/v1/owners?sort={sort}&page={page}&per_page=5")[1]["data"]
            self.assertEqual(paged, self.expect(200, "GET", f"/api/v1/owners?sort={sort}")[1]["data"])
        self.check_bad_queries()
        self.stop_all()

    def check_bad_queries(self):
        cursor = self.expect(200, "GET", "/api/v1/owners?sort=name&limit=2")[1]["next_cursor"]
        good = f"sort=name&limit=2&cursor={cursor}"
        self.expect(200, "GET", f"/api/v1/owners?{good}")
        for query in (f"sort=-name&limit=2&cursor={cursor}", f"limit=2&cursor={cursor}", f"{good}&team_id=t-1",
                      "cursor=zz", "cursor=", "cursor=6162", f"sort=name&cursor={cursor[:-2]}", f"sort=name&cursor={cursor}00",
                      "sort=", "sort=nothing", "sort=name,", "sort=,name", "sort=name,name", "sort=name,-name", "sort=id,name",
                      "sort=--name", "sort=name,team_id", "sort=description", "sort=Name",
                      "limit=0", "limit=501", "limit=-1", "limit=x", "limit=", "limit=1e1", "limit=+5", "limit=%205",
                      "page=0", "page=x", "page=21&per_page=500", "page=10001&per_page=1", "page=1&limit=5", "per_page=501",
                      f"page=1&cursor={cursor}", "q=", "created_after=yesterday", "created_after=", "created_at=2026-01-01",
                      "nothing=1", "fields=", "fields=nothing", "fields=id,", "fields=id,,name", "team=t-1", "teamId=t-1"):
            status, _, document = self.ask("GET", f"/api/v1/owners?{query}")
            self.assertEqual(status, 400, f"{query}: {document}")
            self.assertEqual(document["detail"].split(":")[0].split(" ")[0],
                             query.split("&")[-1].split("=")[0] if query in ("limit=0", "q=", "nothing=1") else
                             document["detail"].split(":")[0].split(" ")[0])
        # A forged cursor with a value that its column cannot hold.
        document = json.loads(bytes.fromhex(self.expect(200, "GET", "/api/v1/owners?sort=created_at&limit=1")[1]["next_cursor"]))
        document[1] = "no time"
        forged = json.dumps(document).encode().hex()
        self.expect(400, "GET", f"/api/v1/owners?sort=created_at&cursor={forged}")

    def test_the_same_change_by_many_is_one_after_the_other(self):
        self.expect(201, "POST", "/api/v1/teams", {"id": "t-a", "name": "A"})
        tag = self.expect(200, "GET", "/api/v1/teams/t-a")[0]["ETag"]
        statuses = []

        def change(i):
            where = urlsplit(self.control.url)
            connection = http.client.HTTPSConnection(where.hostname, where.port, timeout=30,
                                                     context=ssl.create_default_context(cafile=self.control.ca_file))
            connection.request("PATCH", "/api/v1/teams/t-a", json.dumps({"description": f"by {i}"}),
                               {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", "If-Match": tag})
            statuses.append(connection.getresponse().status)
            connection.close()

        threads = [threading.Thread(target=change, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(statuses), [200] + [412] * 7)
        self.assertEqual(len(self.events("team", "t-a")), 2)
        self.stop_all()


if __name__ == "__main__":
    unittest.main()

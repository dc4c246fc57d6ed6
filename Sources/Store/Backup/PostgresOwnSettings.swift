/// What a PostgreSQL database has beside its contents, which no dump holds: `ALTER DATABASE … SET`, `ALTER ROLE … IN DATABASE … SET`, its
/// connection limit and who may connect to it.
enum PostgresOwnSettings {
    /// Gives another database those of the first. What the user of DATABASE_URL may not set stays behind: its data counts for more.
    /// - Parameter server: a connection to neither of them.
    /// - Returns: what stayed behind, as statements for a superuser, under the first one's name.
    static func copy(from former: String, to fresh: String, _ server: PostgresConnection) throws(StoreError) -> [String] {
        var left: [String] = []
        for row in try server.run(steps(from: former, to: fresh)).rows {
            let (command, meaning): (String, String) = (try row["command"], try row["meaning"])
            // Both statements of a setting go at once, so that what the session is told ends with them.
            do throws(StoreError) { try server.command(command) } catch {
                guard server.isAlive else { throw error }
                left.append(meaning.replacing(fresh, with: former))
            }
        }
        return left
    }

    /// Lists of names, as in search_path, are quoted like no other value; `FROM CURRENT` knows how.
    private static func steps(from former: String, to fresh: String) -> SQL {
        """
        WITH former AS (SELECT oid, datdba, datacl, datconnlimit FROM pg_database WHERE datname = \(former)),
        settings AS (
            SELECT CASE setrole WHEN 0 THEN format('ALTER DATABASE %I', CAST(\(fresh) AS TEXT))
                    ELSE format('ALTER ROLE %I IN DATABASE %I', pg_get_userbyid(setrole), CAST(\(fresh) AS TEXT)) END AS holder,
                (SELECT string_agg(quote_ident(part), '.') FROM unnest(string_to_array(split_part(entry, '=', 1), '.')) AS part) AS quoted,
                split_part(entry, '=', 1) AS parameter, substr(entry, strpos(entry, '=') + 1) AS setting
            FROM former JOIN pg_db_role_setting ON setdatabase = former.oid CROSS JOIN unnest(setconfig) AS entry
        ),
        granted AS (
            SELECT privilege_type, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS receiver, is_grantable
            FROM former CROSS JOIN aclexplode(datacl) WHERE grantee <> datdba
        ),
        steps AS (
            SELECT 1 AS step, format('ALTER DATABASE %I CONNECTION LIMIT %s', CAST(\(fresh) AS TEXT), datconnlimit) AS meaning,
                CAST(NULL AS TEXT) AS command
            FROM former WHERE datconnlimit <> -1
            UNION ALL
            SELECT 2, format('%s SET %s TO %L', holder, quoted, setting),
                format('SELECT set_config(%L, %L, TRUE); %s SET %s FROM CURRENT', parameter, setting, holder, quoted)
            FROM settings
            UNION ALL
            SELECT 3, format('REVOKE ALL ON DATABASE %I FROM PUBLIC', CAST(\(fresh) AS TEXT)), NULL FROM former WHERE datacl IS NOT NULL
            UNION ALL
            SELECT 4, format('GRANT %s ON DATABASE %I TO %s%s', privilege_type, CAST(\(fresh) AS TEXT), receiver,
                CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), NULL
            FROM granted
        )
        SELECT meaning, COALESCE(command, meaning) AS command FROM steps ORDER BY step, meaning
        """
    }
}

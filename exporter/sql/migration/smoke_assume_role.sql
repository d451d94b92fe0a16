-- migration/smoke_assume_role.sql
-- Question: Which role is assumed? Sets role, user and search_path until the end of the savepoint.
-- Parameters:
--   role text: the role to become; `none` to stay oneself
--   user uuid: the signed-in user, as PostgREST hands it down; null for none
--   search_path text: where unqualified names are looked for
-- Columns:
--   role text not null: who we are now
-- Index: none, reads no table
-- Source: PostgREST documentation, "Transaction-scoped settings"
SELECT set_config('role', %(role)s::text, true) AS role
FROM (
    SELECT
        set_config('search_path', %(search_path)s::text, true),
        set_config('row_security', 'on', true),
        set_config(
            'request.jwt.claims',
            CASE
                WHEN %(role)s::text = 'none' THEN ''
                ELSE json_build_object('sub', %(user)s::uuid, 'role', %(role)s::text)::text
            END,
            true
        ),
        set_config('request.jwt.claim.sub', coalesce(%(user)s::uuid::text, ''), true)
    OFFSET 0
) AS settings

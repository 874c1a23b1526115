-- All characters that are white space, as the second argument of btrim.
--
-- It depends on the database's encoding alone, which never changes: so it is immutable, and the
-- planner puts the text in place of a call. Not inlined: the planner calls it once instead.

create or replace function credits_internal.white_space()
returns text
language sql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $white_space$
    select convert_from(
        decode(
            '20090a0b0c0d' || case
                -- Beyond ASCII: what Unicode calls white space, such as the no-break space, and the
                -- mark with which some files begin (U+FEFF).
                when getdatabaseencoding() = 'UTF8'
                    then
                        'c285c2a0e19a80e28080e28081e28082e28083e28084e28085e28086e28087e28088'
                        'e28089e2808ae280a8e280a9e280afe2819fe38080efbbbf'
                else ''
            end,
            'hex'
        ),
        'UTF8'
    )
$white_space$;

comment on function credits_internal.white_space is
'Space, tab, line breaks and, in a database of UTF-8, all that Unicode calls white space.';

revoke all on function credits_internal.white_space from public;

-- The schema's comment tells everybody, and every later deploy, how this installation's roles are
-- called: in another one on the same server their names may begin with a prefix.

comment on schema credits_deploy is
'Records of what pgcredits installed here: yoyo''s tables of applied migrations and the manifest. '
'Applications are granted credits_app.';

-- The courses that everything belongs to, with their user and organisation; ids can be computed from their numbers.
INSERT INTO auth.users (id, email) VALUES ('00000000-0000-4000-8001-000000000000', 'owner@example.org');
INSERT INTO public.organizations (id, name) VALUES ('00000000-0000-4000-8002-000000000000', 'Northwind Academy');
INSERT INTO public.courses (id, title, slug, user_id, organization_id)
SELECT
  ('00000000-0000-4000-8000-' || lpad(to_hex(number), 12, '0'))::uuid,
  'Course ' || number,
  'course-' || number,
  '00000000-0000-4000-8001-000000000000',
  '00000000-0000-4000-8002-000000000000'
FROM generate_series(0, {courses} - 1) AS number;

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { printableStatements, usersOf } from '../../clickhouse/access/apply';
import { accessConfigSchema } from '../../clickhouse/access/config';
import { grants, readerLimits } from '../../clickhouse/access/rights';
import { accessStatements, hashPassword } from '../../clickhouse/access/statements';
import { usersFile } from '../../clickhouse/access/users-file';
import { readMigrations, statementsOf } from '../../clickhouse/migrate';
import { readConfig } from '../../runtime/env';

const password = 'correct horse battery staple';

describe('accessStatements', () => {
  const reader = { name: 'oot_grafana', role: 'reader', password: { hash: 'ab', salt: "it's" } } as const;

  it('are, for one server and without users', () => {
    expect(accessStatements({ database: 'oot', users: [] })).toEqual([
      'CREATE ROLE IF NOT EXISTS oot_writer',
      'CREATE ROLE IF NOT EXISTS oot_reader',
      `GRANT ${Object.entries(grants.writer)
        .map(([name, privileges]) => `${privileges.join(', ')} ON \`oot\`.\`${name}\``)
        .join(', ')} TO oot_writer WITH REPLACE OPTION`,
      `GRANT ${Object.keys(grants.reader)
        .map((name) => `SELECT ON \`oot\`.\`${name}\``)
        .join(', ')} TO oot_reader WITH REPLACE OPTION`,
      'CREATE SETTINGS PROFILE OR REPLACE oot_reader SETTINGS readonly = 2 CONST, max_execution_time = 60 MIN 1 MAX 70, max_memory_usage = 4294967296 MIN 1 MAX 4294967296, max_untracked_memory = 4194304 CONST, max_threads = 4 MIN 1 MAX 8, max_result_rows = 100000 MIN 1 MAX 100000, max_result_bytes = 268435456 MIN 1 MAX 268435456, max_concurrent_queries_for_user = 100 CONST, log_queries = 1 CONST TO oot_reader',
      'CREATE QUOTA OR REPLACE oot_reader KEYED BY user_name FOR INTERVAL 3600 second MAX queries = 100000, errors = 10000, read_rows = 1000000000000, execution_time = 36000 TO oot_reader',
    ]);
  });

  it('make a user, or change its password, and give it its role alone', () => {
    expect(accessStatements({ database: 'oot', users: [reader] }).slice(6)).toEqual([
      "CREATE USER IF NOT EXISTS `oot_grafana` IDENTIFIED WITH sha256_hash BY 'ab' SALT 'it\\'s' DEFAULT DATABASE `oot`",
      "ALTER USER `oot_grafana` IDENTIFIED WITH sha256_hash BY 'ab' SALT 'it\\'s'",
      'GRANT oot_reader TO `oot_grafana` WITH REPLACE OPTION',
    ]);
  });

  it('add a password, where the old one shall go on working', () => {
    const [, alter] = accessStatements({ database: 'oot', users: [reader], keepsOldPassword: true }).slice(6);
    expect(alter).toBe("ALTER USER `oot_grafana` ADD IDENTIFIED WITH sha256_hash BY 'ab' SALT 'it\\'s'");
  });

  it('leave a user alone whose password is not given', () => {
    const users = [{ ...reader, password: undefined }];
    expect(accessStatements({ database: 'oot', users })).toHaveLength(6);
  });

  it.each(['oot-ci', '{cluster}'])(
    'run on every server of the cluster %s, and are else the same',
    (cluster) => {
      const alone = accessStatements({ database: 'oot', users: [reader] });
      const clustered = accessStatements({ database: 'oot', users: [reader], cluster });
      const clause = ` ON CLUSTER '${cluster}'`;
      expect(clustered.map((statement) => statement.split(clause).length - 1)).toEqual(
        clustered.map(() => 1),
      );
      expect(clustered.map((statement) => statement.replace(clause, ''))).toEqual(alone);
    },
  );
});

describe('hashPassword', () => {
  it('is the SHA-256 of the password with the salt behind it', () => {
    const expected = createHash('sha256').update(`${password}pepper`).digest('hex');
    expect(hashPassword(password, 'pepper')).toEqual({ hash: expected, salt: 'pepper' });
  });

  it('has another salt of 256 bits each time', () => {
    const [one, two] = [hashPassword(password), hashPassword(password)];
    expect(one.salt).toMatch(/^[0-9a-f]{64}$/);
    expect(one.salt).not.toBe(two.salt);
    expect(one.hash).not.toBe(two.hash);
  });
});

describe('what is printed', () => {
  const config = (env: NodeJS.ProcessEnv) => readConfig(accessConfigSchema, env);

  it('has hashes where passwords are set, and never a password', () => {
    const text = printableStatements(
      config({ CLICKHOUSE_WRITER_PASSWORD: password, CLICKHOUSE_READER_PASSWORD: `${password} 2` }),
      { database: 'oot' },
    );
    expect(text).not.toContain(password);
    expect(text).not.toContain('${');
    expect(text.match(/sha256_hash BY '[0-9a-f]{64}' SALT '[0-9a-f]{64}'/g)).toHaveLength(4);
  });

  it('says what to put in where they are not', () => {
    const text = printableStatements(config({}), { database: 'oot' });
    expect(text).toContain(
      "`oot_grafana` IDENTIFIED WITH sha256_hash BY '${READER_HASH}' SALT '${READER_SALT}'",
    );
    expect(text).toContain(
      '-- oot_replicator: replace ${WRITER_SALT} by some random text, ${WRITER_HASH} by',
    );
  });

  it('is one statement a line, each ended', () => {
    const lines = printableStatements(config({}), { database: 'oot' })
      .trimEnd()
      .split('\n')
      .filter((line) => !line.startsWith('--'));
    expect(lines).toEqual(
      accessStatements({
        database: 'oot',
        users: [
          {
            name: 'oot_replicator',
            role: 'writer',
            password: { hash: '${WRITER_HASH}', salt: '${WRITER_SALT}' },
          },
          {
            name: 'oot_grafana',
            role: 'reader',
            password: { hash: '${READER_HASH}', salt: '${READER_SALT}' },
          },
        ],
      }).map((statement) => `${statement};`),
    );
  });

  it('is for users by name and role', () => {
    expect(usersOf(config({ CLICKHOUSE_READER_USER: 'g' })).map(({ name, role }) => [name, role])).toEqual([
      ['oot_replicator', 'writer'],
      ['g', 'reader'],
    ]);
  });

  it('is refused with a password that is too short, by its name and without it', () => {
    const short = () => config({ CLICKHOUSE_READER_PASSWORD: 'hunter2' });
    expect(short).toThrow('CLICKHOUSE_READER_PASSWORD: must have 12 characters or more');
    expect(short).not.toThrow(/hunter2/);
  });
});

describe('rights', () => {
  /** What the migrations leave behind, by name. */
  /** What is there after the migrations: what one of them makes and drops again is not. */
  const made = async () => {
    const statements = (await readMigrations()).flatMap(({ text }) => statementsOf(text));
    const names = (pattern: RegExp) => statements.flatMap((sql) => pattern.exec(sql)?.[1] ?? []);
    const dropped = new Set(names(/^DROP (?:TABLE|VIEW) IF EXISTS (\w+)/m));
    const created = names(/^CREATE (?:TABLE IF NOT EXISTS|OR REPLACE VIEW) (\w+)/m);
    return new Set(created.filter((name) => !dropped.has(name)));
  };

  it('are for tables and views that the migrations make', async () => {
    const known = new Set([...(await made()), 'oot_migrations']);
    for (const names of Object.values(grants)) {
      expect(Object.keys(names).filter((name) => !known.has(name))).toEqual([]);
    }
  });

  it('let the reader see each of them but the ledger', async () => {
    const { reader } = grants;
    expect([...(await made())].filter((name) => !(name in reader))).toEqual([]);
    expect(reader).not.toHaveProperty('oot_migrations');
    expect(new Set(Object.values(reader).flat())).toEqual(new Set(['SELECT']));
  });

  it('let the writer insert into tables alone', () => {
    const inserts = Object.entries(grants.writer).filter(([, privileges]) => privileges.includes('INSERT'));
    expect(inserts.map(([name]) => name).toSorted()).toEqual([
      'oot_activity_day',
      'oot_attempt_index',
      'oot_backend_registry',
      'oot_commit_day',
      'oot_pr_day',
      'oot_quarantine_log',
      'oot_replication_log',
      'oot_workflow_job',
      'oot_workflow_run',
    ]);
  });
});

describe('limits of the reader', () => {
  it('can not be lifted by 0, which means none', () => {
    const lifted = readerLimits.filter((limit) => !('fixed' in limit) && limit.min <= 0);
    expect(lifted).toEqual([]);
    for (const limit of readerLimits) {
      if (!('fixed' in limit)) expect(limit.value).toBeLessThanOrEqual(limit.max);
    }
  });

  it('leave Grafana the time that its data source asks for', () => {
    const file = readFileSync(join(__dirname, '../../dashboards/provisioning/datasources/oot.yaml'), 'utf8');
    const queryTimeout = Number(/queryTimeout: '(\d+)'/.exec(file)?.[1]);
    const limit = readerLimits.find(({ setting }) => setting === 'max_execution_time');
    // clickhouse-go: what is left of the time, and 5 s.
    expect((limit as { max: number }).max).toBeGreaterThanOrEqual(queryTimeout + 5);
  });
});

describe('usersFile', () => {
  it('has every right as a statement of its own', () => {
    const file = usersFile('oot');
    for (const [name, privileges] of Object.entries(grants.writer)) {
      expect(file).toContain(`<query>GRANT ${privileges.join(', ')} ON oot.${name}</query>`);
    }
    expect(file).toContain('<query>GRANT oot_admin, oot_writer, oot_reader</query>');
  });

  it('makes the one user a reader and nothing else, if so asked', () => {
    const file = usersFile('oot', 'reader');
    expect(file).toContain('<profile>oot_reader</profile>');
    expect(file).toContain('<quota>oot_reader</quota>');
    expect(file).toContain('<grants><query>GRANT oot_reader</query></grants>');
  });
});

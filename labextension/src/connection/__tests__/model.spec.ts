import { FakeServer, HEALTHY, status } from '../../__tests__/server';
import { ConnectionModel } from '../model';
import type { IConnectionState, IFinding } from '../tokens';

const SELF_SIGNED = {
  code: 'own-ca',
  severity: 'info',
  message: 'The certificate comes from a private CA.',
  fix: 'jupyter remotekit trust'
};

const PLAIN_HTTP: IFinding = {
  code: 'plain-http',
  severity: 'warn',
  message: 'This page came over plain HTTP.',
  fix: null
};

describe('ConnectionModel', () => {
  let server: FakeServer;
  let model: ConnectionModel;

  function create(href = 'https://gpu.example/lab'): ConnectionModel {
    model = new ConnectionModel({
      serverSettings: server.settings,
      origin: new URL(href),
      interval: 10,
      language: () => 'zh-CN',
      plainHttp: PLAIN_HTTP
    });
    model.watching = true;
    return model;
  }

  async function look(href?: string): Promise<IConnectionState> {
    await create(href).refresh();
    return model.state;
  }

  beforeEach(() => {
    server = new FakeServer();
    server.answer('health', 200, HEALTHY);
    server.answer('status', 200, status({}));
  });

  afterEach(() => {
    jest.restoreAllMocks();
    model.dispose();
  });

  it('knows nothing before it has looked', () => {
    expect(create().state).toEqual({
      link: 'unknown',
      roundTrip: null,
      secure: null,
      findings: []
    });
  });

  it('tells that a server is there, quick and safe', async () => {
    const state = await look();
    expect(state).toMatchObject({ link: 'up', secure: true, findings: [] });
    expect(state.roundTrip).toBeGreaterThan(0);
  });

  it("asks for the findings in the page's language", async () => {
    await look();
    const [asked] = server.asked('status');
    expect(asked?.headers.get('Accept-Language')).toBe('zh-CN');
  });

  it('passes the findings on', async () => {
    server.answer('status', 200, status({ findings: [SELF_SIGNED] }));
    expect((await look()).findings).toEqual([SELF_SIGNED]);
  });

  it('takes a severity that it does not know for a warning', async () => {
    const finding = { ...SELF_SIGNED, severity: 'apocalypse' };
    server.answer('status', 200, status({ findings: [finding] }));
    expect((await look()).findings[0]?.severity).toBe('warn');
  });

  it.each([
    ['https://gpu.example/lab', true, true],
    ['https://gpu.example/lab', false, false],
    ['http://localhost:8800/lab', true, true],
    ['http://gpu.localhost:8800/lab', true, true],
    ['http://127.0.0.1:8800/lab', true, true],
    ['http://[::1]:8800/lab', true, true],
    ['http://127.0.0.1:8800/lab', false, false],
    ['http://192.168.1.20:8800/lab', true, false],
    ['http://127.0.0.1.evil.example/lab', true, false]
  ])('calls %s with a server that says %s: %s', async (href, says, secure) => {
    server.answer('status', 200, status({ secure: says }));
    expect((await look(href)).secure).toBe(secure);
  });

  it('adds what the server cannot see: a page over plain HTTP', async () => {
    const state = await look('http://192.168.1.20:8800/lab');
    expect(state.findings).toEqual([PLAIN_HTTP]);
  });

  it.each(['plain-http', 'plain-http-chosen'])(
    'does not say %s twice',
    async code => {
      const told = {
        ...PLAIN_HTTP,
        code,
        message: 'The server serves plain HTTP.'
      };
      server.answer('status', 200, status({ secure: false, findings: [told] }));
      const state = await look('http://192.168.1.20:8800/lab');
      expect(state.findings).toEqual([told]);
    }
  );

  it('shows the median of the last five round trips', async () => {
    create();
    const clock = jest.spyOn(performance, 'now').mockReturnValue(0);
    for (const duration of [900, 10, 30, 20, 50, 40]) {
      server.onRequest = () => {
        clock.mockReturnValue(performance.now() + duration);
      };
      await model.refresh();
    }
    // 900 is out by now: 10, 20, 30, 40, 50.
    expect(model.state.roundTrip).toBe(30);
  });

  it('does not take the opening of the connection for a round trip', async () => {
    create();
    const clock = jest.spyOn(performance, 'now').mockReturnValue(0);
    server.onRequest = () => {
      const opening = server.requests.length === 1;
      clock.mockReturnValue(performance.now() + (opening ? 900 : 12));
    };
    await model.refresh();
    expect(model.state.roundTrip).toBe(12);
  });

  it('asks for the posture again after half a minute only', async () => {
    create();
    const clock = jest.spyOn(performance, 'now').mockReturnValue(1_000);
    await model.refresh();
    clock.mockReturnValue(30_999);
    await model.refresh();
    expect(server.asked('status')).toHaveLength(1);
    clock.mockReturnValue(31_000);
    await model.refresh();
    expect(server.asked('status')).toHaveLength(2);
  });

  it.each([
    ['does not answer', () => server.fail('health', 'unreachable')],
    ['is a relay without a tunnel', () => server.answer('health', 404, '')],
    ['is a proxy without a server', () => server.answer('health', 502, '')],
    ['is a captive portal', () => server.answer('health', 200, '<html>')]
  ])('tells that the line is down when what is there %s', async (_, fall) => {
    await look();
    fall();
    await model.refresh();
    expect(model.state).toEqual({
      link: 'down',
      roundTrip: null,
      secure: null,
      findings: []
    });
  });

  it('asks for the posture at once when the server is back', async () => {
    await look();
    server.fail('health', 'unreachable');
    await model.refresh();
    server.answer('health', 200, HEALTHY);
    server.answer('status', 200, status({ secure: false }));
    await model.refresh();
    expect(model.state).toMatchObject({ link: 'up', secure: false });
  });

  it('tells that the session has ended', async () => {
    server.answer('status', 403, { message: 'Forbidden' });
    expect(await look()).toMatchObject({ link: 'signed-out', secure: null });
    await model.refresh();
    expect(model.state.link).toBe('signed-out');
  });

  it('claims nothing when the server cannot tell its posture', async () => {
    server.answer('status', 500, {});
    expect(await look()).toMatchObject({
      link: 'up',
      secure: null,
      findings: []
    });
  });

  it('leaves a server without the extension alone', async () => {
    server.answer('health', 404, {});
    expect((await look()).link).toBe('absent');
    const asked = server.requests.length;
    await model.refresh();
    expect(server.requests).toHaveLength(asked);
  });

  it('asks nothing while it is not watching', async () => {
    create().watching = false;
    await model.refresh();
    expect(server.requests).toHaveLength(0);
  });

  it('lets others know when the state changes', async () => {
    const links: string[] = [];
    create().changed.connect(({ state }) => links.push(state.link));
    await model.refresh();
    expect(links).toEqual(['up']);
  });
});

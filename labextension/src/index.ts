import connection from './connection';

export { IConnection } from './connection/tokens';

export default [connection];

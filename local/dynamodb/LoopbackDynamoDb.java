import java.io.IOException;
import java.lang.reflect.Field;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import software.amazon.dynamodb.services.local.main.ServerRunner;
import software.amazon.dynamodb.services.local.server.DynamoDBProxyServer;

/**
 * Starts Amazon's DynamoDB Local on 127.0.0.1 only, and ends when its stdin does.
 *
 * DynamoDB Local has no option for the address and listens on every interface, so the Jetty server
 * inside it is told its host before it starts. Going around ServerRunner.main also leaves its
 * telemetry unconfigured. Takes DynamoDB Local's own arguments. Run from source (`java File.java`), which
 * costs 0.4 s a start and leaves no compiled copy to go stale.
 */
public final class LoopbackDynamoDb {
    private LoopbackDynamoDb() {}

    public static void main(String[] args) throws Exception {
        DynamoDBProxyServer dynamoDb = ServerRunner.createServerFromCommandLineArgs(args);
        Field field = DynamoDBProxyServer.class.getDeclaredField("server");
        field.setAccessible(true);
        Server jetty = (Server) field.get(dynamoDb);
        for (Connector connector : jetty.getConnectors()) {
            ((ServerConnector) connector).setHost("127.0.0.1");
        }
        // safeStart throws where start only prints that the port is taken; it also sends no telemetry event.
        dynamoDb.safeStart();
        // What start.ts waits for: said by this process, so another server's answer is not taken for ours.
        System.err.println("listening on http://127.0.0.1:" + ((ServerConnector) jetty.getConnectors()[0]).getLocalPort());
        exitWithStdin();
        dynamoDb.join();
    }

    /** The parent holds the other end of stdin: it closes however the parent ends, kill -9 included. */
    private static void exitWithStdin() {
        Thread watcher = new Thread(() -> {
            try {
                while (System.in.read() != -1) {
                    // Nothing is ever sent; only the end matters.
                }
            } catch (IOException closed) {
                // As good as the end.
            }
            Runtime.getRuntime().halt(0);
        }, "exit-with-stdin");
        watcher.setDaemon(true);
        watcher.start();
    }
}

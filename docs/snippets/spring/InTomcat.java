import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.File;
import java.io.IOException;
import org.apache.catalina.Context;
import org.apache.catalina.startup.Tomcat;
import org.apache.tomcat.util.descriptor.web.FilterDef;
import org.apache.tomcat.util.descriptor.web.FilterMap;

/** Only for ../check.sh: the filter in the servlet container of Spring Boot 3, without Spring Boot. */
public class InTomcat {
  public static void main(String[] arguments) throws Exception {
    Tomcat tomcat = new Tomcat();
    tomcat.setBaseDir(System.getProperty("java.io.tmpdir"));
    tomcat.setPort(Integer.parseInt(System.getenv("PORT")));
    tomcat.getConnector().setProperty("address", "127.0.0.1");
    Context context = tomcat.addContext("", new File(System.getProperty("java.io.tmpdir")).getAbsolutePath());
    Tomcat.addServlet(
        context,
        "hello",
        new HttpServlet() {
          @Override
          protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
            response.getWriter().println("hello");
          }
        });
    context.addServletMappingDecoded("/", "hello");
    FilterDef definition = new FilterDef();
    definition.setFilterName("instance-id");
    definition.setFilter(new InstanceIdFilter());
    context.addFilterDef(definition);
    FilterMap mapping = new FilterMap();
    mapping.setFilterName("instance-id");
    mapping.addURLPattern("/*");
    context.addFilterMap(mapping);
    tomcat.start();
    tomcat.getServer().await();
  }
}
